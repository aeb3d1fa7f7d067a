"""Curves: speed-up and accuracy of each mix, candidate by candidate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evo.evaluation import Status
from experiments.study.currency import Allowance, Currency, spent
from experiments.study.estimators.over_runs import welch
from experiments.study.estimators.rates import CALLED, proportion
from experiments.study.gathered import Gathered, Searched, log2_best, searched
from experiments.study.tables import Row, Table, as_speedup, bounded

POINTS = 65
"""Depths at which a curve is drawn, at most."""


def curve_table(study: Gathered, budget: Allowance, thresholds: Sequence[float]) -> Table:
    """Return a row a mix and depth: how many candidates each of its runs has had, and what came of them.

    `success` is the share of cells in which a candidate has passed by then, `faster_P` of those with one
    faster than P; accuracies are of all candidates by then, repeats being what they repeat. Intervals of
    speed-ups are Student's, for these tasks.
    """
    rows = [
        _row(study, mix, depth, budget.currency, thresholds)
        for mix in study.mixes
        for depth in depths(max(cell.depth for cell in study.of(mix)))
    ]
    return Table(name="curves", title="Each mix, candidate by candidate of its runs.", rows=tuple(rows))


def depths(most: int) -> list[int]:
    """Return the depths at which a curve is drawn: all, or if they are many evenly in the logarithm."""
    if most < POINTS:
        return list(range(most + 1))
    spread = np.unique(np.round(np.geomspace(1, most, POINTS - 1)).astype(int))
    return [0, *map(int, spread)]


def _row(study: Gathered, mix: str, depth: int, currency: Currency, thresholds: Sequence[float]) -> Row:
    cells = study.of(mix)
    used = [_used(cell, depth, currency) for cell in cells]
    best = [cell.best(depth) for cell in cells]
    told = [step for cell in cells for step in _first(cell, depth)]
    row: Row = {"mix": mix, "depth": depth, "spent": float(np.mean(used))}
    row |= bounded("best_speedup", as_speedup(welch(study.array(mix, log2_best(depth)))))
    row |= {"median_best_speedup": float(np.median(best))}
    row |= {"success": sum(_passed(cell, depth) for cell in cells) / len(cells)}
    row |= {f"faster_{each:g}": sum(b > each for b in best) / len(best) for each in thresholds}
    for name, statuses in (("call_accuracy", CALLED), ("execution_accuracy", {Status.PASSED})):
        right = sum(step.verdict in statuses for step in told)
        empty = dict.fromkeys((name, f"{name}_low", f"{name}_high"))
        row |= bounded(name, proportion(right, len(told))) if told else empty
    return row


def _first(cell: Searched, depth: int) -> list:  # type: ignore[type-arg]
    return [step for trace in cell.traces for step in searched(trace)[:depth]]


def _used(cell: Searched, depth: int, currency: Currency) -> float:
    if currency is Currency.WALL_SECONDS:
        return max((steps[-1].told_s for t in cell.traces if (steps := searched(t)[:depth])), default=0.0)
    return sum(spent(step, currency) for step in _first(cell, depth))


def _passed(cell: Searched, depth: int) -> bool:
    return any(step.verdict is Status.PASSED for step in _first(cell, depth))
