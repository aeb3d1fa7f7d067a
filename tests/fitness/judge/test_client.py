"""The engine's side of the judge, against real processes that serve, hang, die and lie."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from evo.errors import JudgeError
from evo.evaluation import Stage, Status
from fitness.judge.client import Judge
from fitness.judge.messages import Judged, Refused
from fitness.judge.pool import open_judges
from tests.fitness.judge.pretend import request

WALL_SECONDS = 6.0


class Asking:
    """A started judge on a pretended device, and the loop that it is used in."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.judge = Judge("cuda:0", WALL_SECONDS, "tests.fitness.judge.standin:main")
        self.run(self.judge.start())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def ask(self, kernel: str) -> Judged | Refused:
        told: Judged | Refused = self.run(self.judge.ask(request(kernel)))
        return told

    def pid(self) -> int | None:
        process = self.judge._process
        return process and process.pid


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    asking = Asking()
    yield asking
    asking.run(asking.judge.close())
    asking.runner.close()


def test_a_judge_has_one_thread_and_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    asking = Asking()
    environment = Path(f"/proc/{asking.pid()}/environ").read_bytes().split(b"\0")
    asking.run(asking.judge.close())
    asking.runner.close()
    assert b"OMP_NUM_THREADS=1" in environment
    assert not any(b"secret" in each for each in environment)


def test_one_process_answers_one_question_after_another(asking: Asking) -> None:
    assert asking.judge.fingerprint.label == "pretended cuda:0 (sm_90, driver 0, Triton 0)"
    first = asking.pid()

    async def both() -> list[Judged | Refused]:
        questions = (asking.judge.ask(request(each)) for each in ("increment", "nothing"))
        return list(await asyncio.gather(*questions))

    good, bad = asking.run(both())
    assert isinstance(good, Judged)
    assert good.checks == 2
    assert isinstance(bad, Refused)
    assert bad.status is Status.WRONG
    assert asking.pid() == first


def test_a_cancelled_question_leaves_the_judge_in_order(asking: Asking) -> None:
    first = asking.pid()

    async def cancelled() -> Judged | Refused:
        question = asyncio.create_task(asking.judge.ask(request("increment")))
        asyncio.get_running_loop().call_soon(question.cancel)
        await asyncio.wait({question})
        assert question.cancelled()
        return await asking.judge.ask(request("increment"))

    assert isinstance(asking.run(cancelled()), Judged)
    assert asking.pid() == first


def test_a_fresh_process_takes_over_when_asked_for(asking: Asking) -> None:
    first = asking.pid()
    asking.run(asking.judge.renew())
    assert asking.pid() not in (None, first)
    assert isinstance(asking.ask("increment"), Judged)


@pytest.mark.parametrize(
    ("kernel", "status", "told"),
    [
        ("faults", Status.CRASHED, "illegal memory access"),
        ("hangs", Status.TIMEOUT, f"no verdict after {WALL_SECONDS:g} s"),
        ("dies", Status.CRASHED, "lost over this kernel 2 times: it died of signal 9"),
    ],
)
def test_the_spare_takes_over_from_a_process_that_is_lost(
    asking: Asking, kernel: str, status: Status, told: str
) -> None:
    first = asking.pid()
    reply = asking.ask(kernel)
    assert isinstance(reply, Refused)
    assert (reply.status, reply.stage, reply.checks_total) == (status, Stage.CHECK, 2)
    assert told in reply.feedback
    assert isinstance(asking.ask("increment"), Judged)
    assert asking.pid() != first


def test_closing_does_not_wait_for_a_kernel_that_hangs(asking: Asking) -> None:
    async def closed() -> None:
        question = asyncio.create_task(asking.judge.ask(request("hangs")))
        await asyncio.sleep(0)
        await asking.judge.close()
        with pytest.raises(JudgeError, match="closed"):
            await question

    asking.run(closed())


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("talks_nonsense", "no message"),
        ("answers_another", "out of turn"),
        ("cuts_off", "cut off"),
        ("hangs_up", "ended with status 7"),
    ],
)
def test_a_judge_that_lies_is_not_believed(program: str, told: str) -> None:
    async def ask() -> Judged | Refused:
        opened = open_judges(["cuda:0"], 60.0, f"tests.fitness.judge.liars:{program}")
        async with opened as judges, judges.turn() as judge:
            return await judge.ask(request("increment"))

    reply = asyncio.run(ask())
    assert isinstance(reply, Refused)
    assert reply.status is Status.CRASHED
    assert told in reply.feedback


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("ends_at_once", "cannot start: it ended with status 3; it said: no module named torch"),
        ("is_unfit", "cannot measure: RuntimeError: invalid device ordinal"),
    ],
)
def test_a_process_that_cannot_start_is_no_fault_of_a_candidate(program: str, told: str) -> None:
    async def start() -> None:
        async with open_judges(["cuda:0"], 60.0, f"tests.fitness.judge.liars:{program}"):
            pass

    with pytest.raises(JudgeError, match=told):
        asyncio.run(start())
