"""Several judges: each candidate has one to itself, all are asked at once, and unlike GPUs are refused."""

from __future__ import annotations

import asyncio

import pytest

from evo.errors import JudgeError
from fitness.judge.messages import Judged
from fitness.judge.pool import Judges, open_judges
from tests.fitness.judge.pretend import request

ALIKE = "tests.fitness.judge.standin:alike"
UNLIKE = "tests.fitness.judge.standin:main"


def test_two_judges_are_asked_at_once_and_a_third_question_waits_its_turn() -> None:
    async def work() -> list[str]:
        async with open_judges(["cuda:0", "cuda:1"], 60.0, ALIKE) as judges:
            held: list[str] = []
            both = asyncio.Barrier(2)

            async def hold() -> None:
                async with judges.turn() as judge:
                    held.append(judge.device)
                    await both.wait()  # nobody passes before both are held
                    told = await judge.ask(request("increment"))
                    assert isinstance(told, Judged)

            await asyncio.gather(hold(), hold())
            async with judges.turn() as one, judges.turn() as other:
                third = asyncio.create_task(judges.turn().__aenter__())
                await asyncio.sleep(0)
                assert not third.done()
                third.cancel()
                assert {one.device, other.device} == {"cuda:0", "cuda:1"}
            return held

    assert sorted(asyncio.run(work())) == ["cuda:0", "cuda:1"]


def test_gpus_that_are_not_alike_are_refused() -> None:
    async def start() -> None:
        async with open_judges(["cuda:0", "cuda:1"], 60.0, UNLIKE):
            pass

    with pytest.raises(JudgeError, match=r"must be alike, got pretended cuda:0 .*; pretended cuda:1"):
        asyncio.run(start())


def test_no_judge_is_refused() -> None:
    with pytest.raises(JudgeError, match="got none"):
        Judges([])
