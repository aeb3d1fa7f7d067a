"""The measured evaluator and a whole search, end to end on a real GPU."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Source, Status
from evo.journal import JournalReader
from evo.objective import geometric_speedup
from evo.protocols import Evaluator
from evo.replay import recorded_engine, replay
from evo.task import Task
from experiments.build import located, open_evaluator
from experiments.cli import run
from experiments.suites.loader import load_task
from fitness.judge.probe import NoDevice, probed
from fitness.settings import FitnessSettings, JudgeSettings
from tests.contracts.evaluators import EvaluatorContract

TARGET = "sm_90"


def missing() -> str:
    try:
        found = probed("cuda:0")
    except NoDevice as error:
        return str(error)
    return "" if found.arch == TARGET else f"it is a {found.arch}, these tests are for {TARGET}"


MISSING = missing()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(MISSING), reason=f"needs a GPU: {MISSING}")]
SETTINGS = FitnessSettings(target=TARGET, device="cuda:0", judge=JudgeSettings(wall_seconds=15.0))
FLIP = load_task("flip")
SEED = FLIP.seed.source
STORE = "    tl.store(out_ptr + row * n_cols + cols, x, mask=mask)"
SPIN = (
    "    while tl.load(x_ptr, volatile=True) == tl.load(x_ptr, volatile=True):\n        tl.debug_barrier()\n"
)
HANGING = SEED.replace(STORE, SPIN + STORE)
CONFIG = """
task = "softmax"
[search]
seed = 3
population = 4
offspring = 5
evaluations_in_flight = 4
budget.evaluations = 20
[fitness]
target = "sm_90"
[tracking]
enabled = false
"""


class Elsewhere:
    """A measured evaluator kept in an event loop of its own: the contract gives every call a new one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened = open_evaluator(SETTINGS, seed=3)
        self._evaluator = asyncio.run_coroutine_threadsafe(self._opened.__aenter__(), loop).result()
        self.source = self._evaluator.source
        self.device = self._evaluator.device

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        under_way = asyncio.run_coroutine_threadsafe(self._evaluator.evaluate(kernel, task), self._loop)
        evaluation = await asyncio.wrap_future(under_way)
        print(evaluation.status, evaluation.measurements, evaluation.feedback, evaluation.cost)
        return evaluation

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._opened.__aexit__(None, None, None), self._loop).result()


@pytest.fixture(scope="module")
def opened() -> Iterator[Elsewhere]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        elsewhere = Elsewhere(loop)
        yield elsewhere
        elsewhere.close()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class TestContract(EvaluatorContract):
    repeatable = False

    @pytest.fixture
    def evaluator(self, opened: Evaluator) -> Evaluator:
        return opened

    @pytest.fixture
    def task(self) -> Task:
        return FLIP

    @pytest.fixture
    def broken(self) -> list[tuple[Kernel, Status]]:
        return [
            (Kernel(SEED.replace("n_cols - 1 - cols", "cols")), Status.WRONG),
            (Kernel(SEED.replace("import torch", "import torch, os")), Status.REJECTED),
            (Kernel(SEED.replace("def flip(x):", "def flip(x:")), Status.COMPILE_ERROR),
            (Kernel(SEED.replace("num_warps=4", "num_warps=64")), Status.COMPILE_ERROR),
        ]


def evaluate(opened: Elsewhere, source: str, task: Task) -> Evaluation:
    return asyncio.run(opened.evaluate(Kernel(source), task))


def test_it_measures_on_the_gpu(opened: Elsewhere) -> None:
    place = located(SETTINGS)
    assert (place.gpus, place.source) == (("cuda:0",), Source.MEASURED)
    assert located(FitnessSettings(target=TARGET)) == place
    assert located(FitnessSettings(target=TARGET, device="model")).source is Source.MODELLED
    assert (opened.source, opened.device) == (Source.MEASURED, place.label)


def test_it_measures_what_must_compile_for_another_target() -> None:
    settings = FitnessSettings(portable=True)

    async def evaluated(*sources: str) -> list[Evaluation]:
        async with open_evaluator(settings, seed=3) as evaluator:
            return [await evaluator.evaluate(Kernel(each), FLIP) for each in sources]

    place = located(settings)
    seed, wide = asyncio.run(evaluated(SEED, SEED.replace("num_warps=4", "num_warps=32")))
    assert place.label.endswith("not the target gfx942")
    assert (seed.status, seed.source, seed.device) == (Status.PASSED, Source.MEASURED, place.label)
    assert (wide.status, wide.device) == (Status.OUT_OF_RESOURCES, place.label)


def test_a_faster_kernel_has_a_speed_up_outside_the_noise(opened: Elsewhere) -> None:
    wide = SEED.replace("BLOCK = 256", "BLOCK = 1024").replace("num_warps=4", "num_warps=8")
    narrow = SEED.replace("BLOCK = 256", "BLOCK = 32")
    seed, fast, slow = (evaluate(opened, source, FLIP) for source in (SEED, wide, narrow))
    assert fast.passed
    assert slow.passed
    told = geometric_speedup(fast, seed), geometric_speedup(slow, seed)
    print("speed-ups of a wide and a narrow block:", told)
    assert told[1] is not None
    assert told[1] < 0.8


def test_a_hanging_kernel_times_out_and_the_next_is_judged(opened: Elsewhere) -> None:
    assert evaluate(opened, HANGING, FLIP).status is Status.TIMEOUT
    assert evaluate(opened, SEED.replace("BLOCK = 256", "BLOCK = 512"), FLIP).passed


def test_a_search_of_twenty_evaluations_is_measured(tmp_path: Path) -> None:
    config, out = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(CONFIG)
    assert run(["run", str(config), "--out", str(out)]) == 0
    with JournalReader(out / "run.sqlite") as journal:
        engine, opinion = recorded_engine(journal), journal.opinion()
        for _ in replay(journal, engine):
            pass
    told = [each.evaluation for each in engine.individuals.values()]
    assert len(told) >= 15
    assert {each.source for each in told} == {Source.MEASURED}
    assert engine.elite is not None
    for each in sorted(told, key=lambda each: each.status):
        print(each.status, [f"{m.latency_ms:.4f}" for m in each.measurements], each.feedback[:160])
    print("best speed-up", engine.elite.speedup)
    assert engine.elite.speedup is not None
    assert engine.elite.speedup >= 1.0
    assert opinion is not None
    print("run directly:", opinion)
    assert (opinion.number, opinion.against) == (engine.elite.number, ())
