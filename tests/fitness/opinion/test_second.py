"""A witness that runs kernels on the CPU, in Triton's interpreter; the process and its walls are real."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import msgspec
import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Measurement, Source, Stage, Status
from evo.task import Role, Task
from experiments.suites.loader import load_task
from fitness.devices import device_for
from fitness.opinion.asking import asked
from fitness.opinion.messages import Broke, Evidence, Question
from fitness.opinion.second import Opinion, Seeking
from fitness.sandbox.landlock import landlock_abi
from fitness.settings import JudgeSettings
from tests.fitness.lab import SECRET, Lab

INTERPRETED = {"TRITON_INTERPRET": "1"}
DEVICE = msgspec.structs.replace(device_for("sm_90"), last_level_bytes=1 << 10)
LOOSE, STRICT = JudgeSettings(opinion_tolerance=1e6), JudgeSettings(opinion_tolerance=1e-9)


def small(name: str) -> Task:
    """Return a task whose timed workloads are interpreted in no time: they are those to check."""
    task = load_task(name)
    checks = task.having(Role.CHECK)
    timed = tuple(
        msgspec.structs.replace(each, name=f"timed_{each.name}", role=Role.TIME) for each in checks[:1]
    )
    return msgspec.structs.replace(task, workloads=(*checks, *timed))


FLIP = small("flip")
SEED = FLIP.seed.source


def evaluation(task: Task, latency: float = 1.0) -> Evaluation:
    return Evaluation(
        status=Status.PASSED, stage=Stage.TIME, source=Source.MEASURED, device="some GPU",
        plan_digest="plan", measurements=tuple(
            Measurement(
                workload=each.name, latency_ms=latency, low_ms=latency, high_ms=latency, samples=1,
                source=Source.MEASURED, device="some GPU",
            ) for each in task.having(Role.TIME)
        ),
    )  # fmt: skip


def sought(lab: Lab, source: str, task: Task = FLIP, settings: JudgeSettings = LOOSE) -> Opinion:
    seeking = Seeking(place="cpu", device=DEVICE, settings=settings, secret=SECRET, environment=INTERPRETED)
    told: Opinion = lab.run(seeking.opinion(Kernel(source), task, evaluation(task), lab.stages()))
    return told


def evidence(source: str, seconds: float) -> Evidence | Broke:
    question = Question(
        source=source, entry_point="f", device="cpu", mutated=(), cases=((),), trials=(), flush_bytes=1024
    )
    return asyncio.run(asked(question, seconds))


def test_a_kernel_that_does_what_its_plan_does_is_not_spoken_against(lab: Lab) -> None:
    told = sought(lab, SEED)
    assert told.against == ()
    assert list(told.latencies) == [each.name for each in FLIP.having(Role.TIME)]
    assert all(each > 0 for each in told.latencies.values())


def test_wrong_results_and_other_latencies_are_told(lab: Lab) -> None:
    wrong = sought(lab, SEED.replace("n_cols - 1 - cols", "cols"))
    assert wrong.against
    assert all(each.startswith("run directly, ") for each in wrong.against)
    assert "elements differ" in wrong.against[0]
    (slow,) = sought(lab, SEED, settings=STRICT).against
    assert "by its own word, the judge measured 1.0000 ms" in slow


def test_a_module_that_fails_is_told_in_its_own_words(lab: Lab) -> None:
    (told,) = sought(
        lab, SEED.replace("def flip(x):", "def flip(x):\n    raise RuntimeError('not today')")
    ).against
    assert told.startswith("run directly, it fails: RuntimeError: not today (at line ")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("    import os\n    os._exit(3)", "it ended with status 3"),
        ("    import ctypes\n    ctypes.string_at(0)", "it ended with status"),
        ("    return 7", "an entry point returns tensors, got int"),
    ],
)
def test_whatever_becomes_of_the_process_is_an_answer(body: str, told: str) -> None:
    said = evidence(f"def f():\n{body}\n", 60.0)
    assert isinstance(said, Broke)
    assert told in said.reason


def test_a_module_that_never_ends_is_killed() -> None:
    source = """
import time
def f():
    while True:
        time.sleep(1)
"""
    began = time.monotonic()
    said = evidence(source, seconds=8.0)
    assert isinstance(said, Broke)
    assert said.reason.startswith("no answer after 8 s")
    assert time.monotonic() - began < 60.0


NAMES_A_THREAD = """
import threading
import torch
def f():
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        with open(f"/proc/self/task/{thread.native_id}/comm", "r+") as name:
            name.write("cuda-worker")
            name.seek(0)
            return torch.tensor(name.read() == "cuda-worker\\n")
    finally:
        over.set()
"""


def test_threads_can_be_named_as_gpu_drivers_name_theirs() -> None:
    said = evidence(NAMES_A_THREAD, 60.0)
    assert isinstance(said, Evidence), said  # CUDA gives up with error 304 where that is refused
    assert said.outputs[0][0].data == b"\1"


LOOKS = """
import torch
def f():
    found = []
    for name, attempt in (
        ("secret", lambda: __import__("os").environ["KERNEVO_TEST_KEY"]),
        ("file", lambda: open({file!r}).read()),
        ("write", lambda: open({file!r}, "w").write("x")),
        ("engine", lambda: open({environ!r}, "rb").read()),
        ("network", lambda: __import__("socket").create_connection(("127.0.0.1", {port}), 1)),
    ):
        try:
            attempt()
        except Exception:
            found.append(0)
        else:
            found.append(1)
    open("own.txt", "w").write("may be written")
    return torch.tensor(found)
"""


@pytest.mark.skipif(not landlock_abi(), reason="this kernel has no Landlock in force")
def test_it_finds_no_secret_no_file_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNEVO_TEST_KEY", "sesame")
    private = tmp_path / "journal"
    private.write_text("ours")

    async def look() -> Evidence | Broke:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            environ = f"/proc/{os.getpid()}/environ"
            source = LOOKS.format(file=str(private), environ=environ, port=port)
            question = Question(
                source=source, entry_point="f", device="cpu", mutated=(), cases=((),), trials=(),
                flush_bytes=1024,
            )  # fmt: skip
            return await asked(question, 60.0)

    said = asyncio.run(look())
    assert isinstance(said, Evidence), said
    (output,) = said.outputs[0]
    assert list(memoryview(output.data).cast("q")) == [0, 0, 0, 0, 0]
    assert private.read_text() == "ours"
