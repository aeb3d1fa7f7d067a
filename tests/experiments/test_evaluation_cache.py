"""Evaluations that runs share: told once, read by all, whatever is wrong with the file said in one line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from evo.candidate import Kernel
from evo.errors import RunFailure
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.task import Task
from experiments.evaluation_cache import CachingEvaluator, EvaluationCache
from experiments.suites.loader import load_task
from tests.experiments.commanding import HashEvaluator

KERNEL = Kernel("def flip(x): ...")


class Counting(HashEvaluator):
    """Counts what it is asked, and says TIMEOUT of kernels that it is told to."""

    def __init__(self, slow: tuple[Kernel, ...] = ()) -> None:
        self.asked = 0
        self._slow = slow

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        self.asked += 1
        if kernel in self._slow:
            return Evaluation(
                status=Status.TIMEOUT, stage=Stage.CHECK, source=Source.MODELLED, device=self.device
            )
        return await super().evaluate(kernel, task)


class Elsewhere(Counting):
    """The same on another device."""

    device = "model:sm_90"


def told(path: Path, evaluator: Counting, kernel: Kernel = KERNEL) -> Evaluation:
    with EvaluationCache(path) as cache:
        return asyncio.run(CachingEvaluator(evaluator, cache).evaluate(kernel, load_task("flip")))


def test_what_was_said_once_is_read_and_marked(tmp_path: Path) -> None:
    evaluator = Counting()
    first = told(tmp_path / "new" / "cache.sqlite", evaluator)
    again = told(tmp_path / "new" / "cache.sqlite", evaluator)
    assert evaluator.asked == 1
    assert not first.cached
    assert again == msgspec.structs.replace(first, cached=True)


def test_other_kernels_and_devices_are_asked_for(tmp_path: Path) -> None:
    here, elsewhere = Counting(), Elsewhere()
    told(tmp_path / "cache.sqlite", here)
    assert not told(tmp_path / "cache.sqlite", here, Kernel("")).cached
    assert not told(tmp_path / "cache.sqlite", elsewhere).cached
    assert (here.asked, elsewhere.asked) == (2, 1)


def test_a_timeout_is_asked_for_again(tmp_path: Path) -> None:
    evaluator = Counting(slow=(KERNEL,))
    assert told(tmp_path / "cache.sqlite", evaluator).status is Status.TIMEOUT
    assert told(tmp_path / "cache.sqlite", evaluator).status is Status.TIMEOUT
    assert evaluator.asked == 2


def test_a_file_that_is_no_cache_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_text("what is this? " * 100)
    with pytest.raises(RunFailure, match=r"cache\.sqlite cannot be opened: file is not a database"):
        EvaluationCache(path)
