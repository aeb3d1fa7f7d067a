"""The contract of evaluators, applied to the one that needs no GPU; its rooms are real."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Source, Status
from evo.protocols import Evaluator
from evo.task import Task
from experiments.build import open_evaluator
from experiments.suites.loader import load_task
from fitness.settings import FitnessSettings
from tests.contracts.evaluators import EvaluatorContract


class Elsewhere:
    """An evaluator kept in an event loop of its own: the contract gives every call a new one."""

    source = Source.MODELLED
    device = "model:gfx942"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._opened = open_evaluator(FitnessSettings(device="model"), seed=3)
        self._evaluator = asyncio.run_coroutine_threadsafe(self._opened.__aenter__(), loop).result()
        assert (self._evaluator.source, self._evaluator.device) == (self.source, self.device)

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        under_way = asyncio.run_coroutine_threadsafe(self._evaluator.evaluate(kernel, task), self._loop)
        return await asyncio.wrap_future(under_way)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._opened.__aexit__(None, None, None), self._loop).result()


@pytest.fixture(scope="module")
def opened() -> Iterator[Evaluator]:
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


class TestModelledEvaluator(EvaluatorContract):
    @pytest.fixture
    def evaluator(self, opened: Evaluator) -> Evaluator:
        return opened

    @pytest.fixture
    def task(self) -> Task:
        return load_task("flip")

    @pytest.fixture
    def broken(self, task: Task) -> list[tuple[Kernel, Status]]:
        """The seed kernel, broken in one way for each stage that can end an evaluation."""
        changes = [
            ("out = torch.empty_like(x)", "out = torch.flip(x, (-1,))", Status.REJECTED),
            ("(n_cols - 1 - cols)", "cols", Status.WRONG),
            ("n_cols = x.shape[-1]", "n_cols = x.shape[-1] // 0", Status.CRASHED),
            ("tl.arange(0, BLOCK)", "tl.arange(0, BLOCK + 1)", Status.COMPILE_ERROR),
            ("num_warps=4", "num_warps=32", Status.OUT_OF_RESOURCES),
        ]
        kernels = []
        for old, new, status in changes:
            assert old in task.seed.source
            kernels.append((Kernel(task.seed.source.replace(old, new)), status))
        return kernels
