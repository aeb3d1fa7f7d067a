"""The mean over tasks and seeds with its interval: of these very tasks, or of all tasks like them.

Chosen by how often they cover (`python -m experiments.bench.estimators`). Percentile bootstraps cover far too
seldom where there are few seeds and fewer tasks: five seeds and three tasks give too small a spread. So:

- These tasks, fixed: seeds are resampled within each task, and what is resampled is the studentised mean
  (bootstrap-t, Efron 1982; Hall 1988), which allows for skew as Student's interval does not: that covers 92%
  of the time where some runs stay far behind. A resample that drew hardly any two different runs has nearly
  no error to be divided by; the error is floored at a share of the whole's, without which the interval gets
  wide and covers 98% where runs are either stuck or not.
- All such tasks: Student's interval over the tasks' means. Seeds only widen the spread of those; resampling
  three tasks has ten distinct outcomes, from which no quantile can be read.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from experiments.study.estimators.estimate import LEVEL, Array, Estimate, checked, of_units, student

RESAMPLES = 2_000
FLOOR = 0.5
"""A resample's standard error is at least this share of the whole's."""


class Tasks(StrEnum):
    """What an interval speaks of.

    Attributes:
        THESE: other seeds of these very tasks.
        SUCH: other tasks like them, and other seeds.
    """

    THESE = "these"
    SUCH = "such"


def mean_over_runs(values: Array, tasks: Tasks, seed: int = 0, level: float = LEVEL) -> Estimate:
    """Return the mean over tasks of the means over seeds with the interval that covers.

    Args:
        values: one figure a run, shape (tasks, seeds).
        tasks: what the interval speaks of. One task, or one seed, leaves it unbounded where it matters.
        seed: of the resampling; the same seed gives the same interval.
        level: how often the interval is to cover.

    Raises:
        ValueError: values of another shape or not finite.
    """
    checked(values, 2, "tasks x seeds")
    return of_units(values.mean(axis=1), level) if tasks is Tasks.SUCH else studentised(values, seed, level)


def welch(values: Array, level: float = LEVEL) -> Estimate:
    """Return the mean of these tasks with Student's interval, each task with a variance of its own.

    Values have shape (tasks, seeds). Degrees of freedom are Satterthwaite's (1946).
    """
    checked(values, 2, "tasks x seeds")
    error, freedom = _error_and_freedom(values)
    return student(float(values.mean()), error, freedom, level)


def studentised(values: Array, seed: int = 0, level: float = LEVEL) -> Estimate:
    """Return the mean of these tasks with its bootstrap-t interval: seeds resampled within each task.

    Values have shape (tasks, seeds).
    """
    whole = welch(values, level)
    if not 0 < whole.error < np.inf:
        return whole
    drawn = _resampled(values, seed)
    errors = np.sqrt(drawn.var(axis=2, ddof=1).sum(axis=1) / values.shape[1]) / len(values)
    ratios = (drawn.mean(axis=(1, 2)) - whole.value) / np.maximum(errors, FLOOR * whole.error)
    few, many = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    low, high = whole.value - many * whole.error, whole.value - few * whole.error
    return msgspec.structs.replace(whole, low=float(low), high=float(high))


def percentile(values: Array, tasks: Tasks, seed: int = 0, level: float = LEVEL) -> Estimate:
    """Return the mean with its percentile bootstrap: tasks resampled or not, then seeds within each.

    Values have shape (tasks, seeds). Here to be compared with: it covers too seldom where either is few.
    """
    checked(values, 2, "tasks x seeds")
    means = _resampled(values, seed, tasks).mean(axis=(1, 2))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    error = float(means.std(ddof=1))
    return Estimate(value=float(values.mean()), low=float(low), high=float(high), error=error, level=level)


def _error_and_freedom(values: Array) -> tuple[float, float]:
    """Return the standard error of the mean of these tasks and its degrees of freedom."""
    tasks, seeds = values.shape
    if seeds == 1:
        return np.inf, 0.0
    variances = values.var(axis=1, ddof=1) / seeds
    total = float(variances.sum())
    freedom = tasks * (seeds - 1.0) if total == 0 else (seeds - 1) * total**2 / float((variances**2).sum())
    return float(np.sqrt(total)) / tasks, freedom


def _resampled(values: Array, seed: int, tasks: Tasks = Tasks.THESE) -> Array:
    """Return resampled values, shape (resamples, tasks, seeds)."""
    return np.asarray(values.ravel()[_places(values.shape[0], values.shape[1], seed, tasks)])


@lru_cache(maxsize=8)
def _places(count: int, seeds: int, seed: int, tasks: Tasks) -> NDArray[np.intp]:
    """Return where resampled values stand among all, shape (resamples, tasks, seeds)."""
    rng = np.random.default_rng(seed)
    rows = np.broadcast_to(np.arange(count), (RESAMPLES, count))
    if tasks is Tasks.SUCH:
        rows = rng.integers(0, count, (RESAMPLES, count))
    return np.asarray(rows[:, :, None] * seeds + rng.integers(0, seeds, (RESAMPLES, count, seeds)))
