"""Two cells on the same tasks and seeds, and many such pairs at once.

A pair shares its task and its seed, so that what makes a task easy cancels. The p-value is the sign-flip
permutation test's (Fisher 1935): if the cells do not differ, each difference might as well have the other
sign. All signs are tried where that is feasible, else many drawn ones, the observed one counted among them
(Phipson and Smyth 2010). It holds whatever the distribution, for these very tasks. Runs of one task are not
independent where other tasks are spoken of: there it is Student's, over the tasks' means. Intervals come from
`over_runs`.
"""

from __future__ import annotations

import math
from functools import lru_cache

import msgspec
import numpy as np
from scipy import stats

from experiments.study.estimators.estimate import LEVEL, Array, Estimate, checked, of_units
from experiments.study.estimators.over_runs import Tasks, mean_over_runs

EXACT = 16
"""Pairs up to which all signs are tried: 65,536."""

DRAWS = 10_000
SHARPNESS = 1e-9
"""Means that differ by less than this share count as equal, for they were summed in another order."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """How one cell differs from another.

    Attributes:
        difference: mean difference of log2 speed-ups, the first cell's minus the second's.
        p: two-sided p-value of no difference.
        pairs: how many runs of each there are.
    """

    difference: Estimate
    p: float
    pairs: int

    @property
    def ratio(self) -> Estimate:
        """The difference as a ratio of speed-ups; the error is the first-order one."""
        low, value, high = (
            2.0**each for each in (self.difference.low, self.difference.value, self.difference.high)
        )
        error = float(np.log(2.0)) * value * self.difference.error
        return Estimate(value=value, low=low, high=high, error=error, level=self.difference.level)


def compared(
    first: Array, second: Array, tasks: Tasks = Tasks.THESE, seed: int = 0, level: float = LEVEL
) -> Comparison:
    """Return how two cells differ; both hold log2 speed-ups, shape (tasks, seeds), pair by pair.

    Raises:
        ValueError: the shapes differ, are not two-dimensional, or values are not finite.
    """
    if first.shape != second.shape:
        raise ValueError(f"cells are compared run by run, got shapes {first.shape} and {second.shape}")
    differences = first - second
    checked(differences, 2, "tasks x seeds")
    return Comparison(
        difference=mean_over_runs(differences, tasks, seed, level),
        p=sign_flip(differences.ravel(), seed) if tasks is Tasks.THESE else over_tasks(differences),
        pairs=differences.size,
    )


def sign_flip(differences: Array, seed: int = 0) -> float:
    """Return the two-sided p-value of differences, shape (pairs,), being symmetric about 0."""
    checked(differences, 1, "pairs")
    observed = abs(differences.sum())
    if len(differences) <= EXACT:
        sums = np.zeros(1)
        for each in differences:
            sums = np.concatenate([sums + each, sums - each])
        return float(np.mean(np.abs(sums) >= observed * (1 - SHARPNESS)))
    further = int((np.abs(_signs(len(differences), seed) @ differences) >= observed * (1 - SHARPNESS)).sum())
    return (further + 1) / (DRAWS + 1)


def over_tasks(differences: Array) -> float:
    """Return the two-sided p-value of Student's test over tasks' means; differences are (tasks, seeds)."""
    told = of_units(differences.mean(axis=1))
    if told.error == 0:
        return 0.0 if told.value else 1.0
    ratio = abs(told.value) / told.error
    return float(2 * stats.t.sf(ratio, len(differences) - 1)) if math.isfinite(told.error) else 1.0


def holm(ps: Array) -> Array:
    """Return p-values adjusted for being so many, shape (tests,) as given (Holm 1979).

    Those below a level then hold together: the chance that any of them is false stays below it.
    """
    order = np.argsort(ps, kind="stable")
    steps = np.maximum.accumulate((len(ps) - np.arange(len(ps))) * ps[order])
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


@lru_cache(maxsize=8)
def _signs(count: int, seed: int) -> Array:
    """Return drawn signs, shape (draws, count)."""
    return np.asarray(2.0 * np.random.default_rng(seed).integers(0, 2, (DRAWS, count)) - 1.0)
