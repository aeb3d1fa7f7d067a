"""Gathered: the traces of a study's runs, each cut where its share of the budget is spent."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from evo.errors import UsageError
from evo.evaluation import Source
from evo.journal import JournalReader
from experiments.run_folder import JOURNAL, existing_run_folder
from experiments.study.currency import Allowance, Currency, spent
from experiments.study.estimators.estimate import Array
from experiments.study.grid import Cell
from experiments.study.trace import Step, Trace, trace_of

ROUNDING = 1e-9
"""What sums of parts may exceed a share by."""


class Searched(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that was searched.

    Attributes:
        mix, task, seed: what it is.
        traces: of its runs, in the order of their indices; nothing beyond a run's share is in them.
        paths: of their folders within the study's; empty where there are none.
    """

    mix: str
    task: str
    seed: int
    traces: tuple[Trace, ...]
    paths: tuple[str, ...] = ()

    @property
    def candidates(self) -> list[Step]:
        """The steps of all runs, founders left out."""
        return [step for trace in self.traces for step in trace.steps if step.generation]

    @property
    def depth(self) -> int:
        """Candidates of the longest run, one after the other, founders not counted."""
        return max(len(searched(trace)) for trace in self.traces)

    def best(self, depth: int | None = None) -> float:
        """Return the best speed-up that any run found, or had found after so many candidates; 1 at least."""
        return max(best_so_far(trace, depth) for trace in self.traces)


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """All cells of a study: every mix on every task with every seed, all of one source and device.

    Attributes:
        mixes, tasks, seeds: in the study's order.
        cells: in no order that matters.
        source, device: of all evaluations.
    """

    mixes: tuple[str, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: tuple[Searched, ...]
    source: Source
    device: str

    def of(self, mix: str) -> list[Searched]:
        """Return the cells of a mix, task by task, seed by seed."""
        own = {(cell.task, cell.seed): cell for cell in self.cells if cell.mix == mix}
        return [own[task, seed] for task in self.tasks for seed in self.seeds]

    def array(self, mix: str, value: Callable[[Searched], float]) -> Array:
        """Return a figure of each cell of a mix, shape (tasks, seeds)."""
        figures = [value(cell) for cell in self.of(mix)]
        return np.array(figures, dtype=np.float64).reshape(len(self.tasks), len(self.seeds))


def searched(trace: Trace) -> list[Step]:
    """Return the steps of a run that are no founders, in tell order."""
    return [step for step in trace.steps if step.generation]


def best_so_far(trace: Trace, depth: int | None = None) -> float:
    """Return the best speed-up of a run, or of its first candidates; the seed kernel's own, 1, at least."""
    founders = (step for step in trace.steps if not step.generation)
    told = (step.speedup for step in (*founders, *searched(trace)[:depth]))
    return max((each for each in told if each is not None), default=1.0)


def within(trace: Trace, budget: Allowance, runs: int) -> Trace:
    """Return a run's trace up to where its share is spent; what founders cost is no part of that.

    Wall time alone counts from the run's beginning, whatever passed in it.
    """
    share = budget.share(runs) * (1 + ROUNDING)
    founders, steps = [step for step in trace.steps if not step.generation], searched(trace)
    if budget.currency is Currency.WALL_SECONDS:
        used = [step.told_s for step in steps]
    else:
        used = list(itertools.accumulate(spent(step, budget.currency) for step in steps))
    kept = itertools.takewhile(lambda each: each[1] <= share, zip(steps, used, strict=True))
    return msgspec.structs.replace(trace, steps=(*founders, *(step for step, _ in kept)))


def gathered(folder: Path, cells: Sequence[Cell], budget: Allowance) -> Gathered:
    """Return what the runs of cells that were searched came to.

    Raises:
        UsageError: runs are missing, or differ in source or device.
        RunFailure: a journal cannot be read.
    """
    return together([
        Searched(
            mix=cell.mix, task=cell.task, seed=cell.seed, paths=tuple(run.path for run in cell.runs),
            traces=tuple(
                within(read_trace(folder / run.path, cell.mix), budget, len(cell.runs)) for run in cell.runs
            ),
        )
        for cell in cells
    ])  # fmt: skip


def read_trace(folder: Path, mix: str) -> Trace:
    """Return the trace of a run.

    Raises:
        RunFolderError: there is no such run, or nothing of it was begun.
        JournalError: its journal cannot be read.
    """
    existing_run_folder(folder, JOURNAL)
    with JournalReader(folder / JOURNAL) as journal:
        return trace_of(journal, mix)


def together(cells: Sequence[Searched]) -> Gathered:
    """Return cells as one study.

    Raises:
        UsageError: as `refuse_missing`, or sources or devices are mixed.
    """
    mixes, tasks, seeds = refuse_missing([(cell.mix, cell.task, cell.seed) for cell in cells])
    labels = {f"{trace.device} ({trace.source})" for cell in cells for trace in cell.traces}
    if len(labels) != 1:
        raise UsageError(
            f"a study compares runs on one device from one source, got {', '.join(sorted(labels))}"
        )
    first = cells[0].traces[0]
    return Gathered(
        mixes=mixes, tasks=tasks, seeds=seeds, cells=tuple(cells), source=first.source, device=first.device
    )


def refuse_missing(
    there: Sequence[tuple[str, str, int]],
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Return the mixes, tasks and seeds of cells, each of which is there in every combination.

    Raises:
        UsageError: a mix lacks a task and seed that another has.
    """
    mixes, tasks, seeds = (tuple(dict.fromkeys(each)) for each in zip(*there, strict=True))
    known = set(there)
    for mix, task, seed in itertools.product(mixes, tasks, seeds):
        if (mix, task, seed) not in known:
            raise UsageError(
                f"mixes are compared on the same tasks and seeds, but {mix!r} has no run of task {task} with "
                f"seed {seed}"
            )
    return mixes, tasks, seeds


def log2_best(depth: int | None = None) -> Callable[[Searched], float]:
    """Return the figure log2 of a cell's best speed-up, after so many candidates of each run."""
    return lambda cell: math.log2(cell.best(depth))
