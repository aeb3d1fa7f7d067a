"""Runs on paper, quick enough to have many: each candidate is a step up or down from the best so far."""

from __future__ import annotations

import random
from collections.abc import Sequence

from evo.evaluation import Source, Status
from experiments.study.currency import Allowance
from experiments.study.gathered import Gathered, Searched, together, within
from experiments.study.grid import Cell
from experiments.study.trace import Paid, Step, Trace

ENDS = (Status.PASSED, Status.PASSED, Status.PASSED, Status.WRONG, Status.COMPILE_ERROR, Status.DUPLICATE)
OPERATORS = ("tiles", "launch_options", "one_pass", "loads")


def paper_trace(cell: str, task: str, seed: int, candidates: int, device: str = "model:gfx942") -> Trace:
    """Return a run of so many candidates; of one seed, shorter runs are the beginning of longer ones."""
    rng = random.Random(f"{task} {seed}")
    steps = [Step(number=0, generation=0, operator="seed", parents=(), status=Status.PASSED,
                  verdict=Status.PASSED, speedup=1.0,
                  staleness=0, asked_s=0.0, told_s=1.0)]  # fmt: skip
    best, champion = 1.0, 0
    for number in range(1, candidates + 1):
        status = rng.choice(ENDS)
        speedup = best * rng.lognormvariate(-0.1, 0.12) if status is Status.PASSED else None
        steps.append(Step(
            number=number, generation=number, operator=rng.choice(OPERATORS), parents=(champion,),
            status=status, verdict=Status.PASSED if status is Status.DUPLICATE else status, speedup=speedup,
            staleness=0, asked_s=float(number), told_s=number + 1.0,
            paid=Paid(cpu_seconds=0.5, evaluating_seconds=1.0), plan=f"{task} {seed} {number}",
        ))  # fmt: skip
        if speedup is not None and speedup > best:
            best, champion = speedup, number
    return Trace(task=task, seed=seed, cell=cell, source=Source.MODELLED, device=device, steps=tuple(steps))


def on_paper(cells: Sequence[Cell], budget: Allowance) -> Gathered:
    """Return cells as if they had been searched."""
    return together([
        Searched(
            mix=cell.mix, task=cell.task, seed=cell.seed, paths=tuple(run.path for run in cell.runs),
            traces=tuple(
                within(
                    paper_trace(
                        cell.mix, run.task, run.settings.search.seed, int(budget.share(len(cell.runs)))
                    ),
                    budget, len(cell.runs),
                )
                for run in cell.runs
            ),
        )
        for cell in cells
    ])  # fmt: skip
