"""A straight line against the logarithm of k, and up to where it holds.

Points of one run's curve depend on each other, runs do not. So a line is fitted to each run's curve by least
squares, and the mean of the slopes, with its interval, is taken over runs (summary measures: Matthews,
Altman, Campbell and Royston 1990). Where the line bends is the place of the two joined lines that fit the
mean curve best. That it bends at all is tested on every run's change of slope at every place at once: signs
of whole runs are flipped (of tasks' means, where other tasks are spoken of), and the largest change counts,
each in units of its own size (Westfall and Young 1993).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np

from experiments.study.estimators.estimate import LEVEL, Array, Estimate, checked
from experiments.study.estimators.over_runs import Tasks, mean_over_runs

EXACT = 12
"""Runs up to which all signs are tried."""

DRAWS = 4_000
FEWEST = 2
"""Points that each of two joined lines has of its own."""


class LogLinear(msgspec.Struct, frozen=True, kw_only=True):
    """A line in log2 k.

    Attributes:
        start: the line at k = 1.
        slope: what a doubling of k adds.
        bends_at: the k from which on another slope fits; None if a line fits all along.
        before: the slope up to there; the slope itself if it does not bend.
        change: what is added to the slope from there on; None if it does not bend.
        p: p-value of no bend anywhere; 1 where there are too few points to ask.
    """

    start: Estimate
    slope: Estimate
    bends_at: int | None
    before: Estimate
    change: Estimate | None
    p: float


def log_linear(
    curves: Array, ks: Sequence[int], tasks: Tasks = Tasks.THESE, seed: int = 0, level: float = LEVEL
) -> LogLinear:
    """Return the line through curves, shape (tasks, seeds, ks), against log2 k.

    Curves of best-of-k come from `best_of.pseudo_values`, with k up to an eighth of the runs: beyond, a few
    runs decide, and lines are too often taken for bent.

    Raises:
        ValueError: curves of another shape or not finite; fewer than two ks, or ks that do not ascend from 1.
    """
    checked(curves, 3, "tasks x seeds x ks")
    if len(ks) != curves.shape[2] or len(ks) < 2 or ks[0] < 1 or sorted(set(ks)) != list(ks):
        raise ValueError(f"a line needs two ks or more, ascending from 1, one a point, got {list(ks)}")
    doublings = np.log2(np.asarray(ks, dtype=float))

    def over_runs(figures: Array) -> Estimate:
        return mean_over_runs(figures, tasks, seed, level)

    line = curves @ _coefficients(doublings)
    slope = over_runs(line[..., 1])
    straight = LogLinear(
        start=over_runs(line[..., 0]), slope=slope, bends_at=None, before=slope, change=None, p=1.0
    )
    places = range(FEWEST - 1, len(ks) - FEWEST)
    if not places:
        return straight
    joined = {place: _coefficients(doublings, doublings[place]) for place in places}
    bends = np.stack([curves @ weights[:, 2] for weights in joined.values()], axis=-1)
    units = bends.mean(axis=1) if tasks is Tasks.SUCH else bends.reshape(-1, len(places))
    straight = msgspec.structs.replace(straight, p=_no_bend(units, seed))
    if straight.p > 1 - level:
        return straight
    mean = curves.mean(axis=(0, 1))
    bent = min(places, key=lambda place: _misfit(mean, doublings, doublings[place]))
    parts = curves @ joined[bent]
    return msgspec.structs.replace(
        straight, bends_at=int(ks[bent]), before=over_runs(parts[..., 1]), change=over_runs(parts[..., 2])
    )


def _design(doublings: Array, bend: float | None) -> Array:
    columns = [np.ones_like(doublings), doublings]
    return np.stack(columns if bend is None else [*columns, np.maximum(0, doublings - bend)], axis=1)


def _coefficients(doublings: Array, bend: float | None = None) -> Array:
    """Return the matrix that takes a curve to its least-squares coefficients, shape (ks, coefficients)."""
    return np.asarray(np.linalg.pinv(_design(doublings, bend)).T)


def _misfit(mean: Array, doublings: Array, bend: float) -> float:
    design = _design(doublings, bend)
    residual = mean - design @ (mean @ _coefficients(doublings, bend))
    return float(residual @ residual)


def _no_bend(bends: Array, seed: int) -> float:
    """Return the p-value of all changes of slope, shape (runs, places), being symmetric about 0."""
    runs = len(bends)
    size = np.sqrt((bends**2).sum(axis=0))
    scaled = bends / np.where(size > 0, size, 1.0)
    observed = np.abs(scaled.sum(axis=0)).max()
    if runs <= EXACT:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=runs)))
        return float(np.mean(np.abs(signs @ scaled).max(axis=1) >= observed * (1 - 1e-9)))
    signs = 2.0 * np.random.default_rng(seed).integers(0, 2, (DRAWS, runs)) - 1.0
    further = int((np.abs(signs @ scaled).max(axis=1) >= observed * (1 - 1e-9)).sum())
    return (further + 1) / (DRAWS + 1)
