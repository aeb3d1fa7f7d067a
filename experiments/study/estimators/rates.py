"""Rates of right answers as the literature counts them, and middle speed-ups."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evo.evaluation import Status
from experiments.study.estimators.estimate import LEVEL, Array, Estimate, checked

CALLED = frozenset({Status.PASSED, Status.WRONG})
"""How a kernel ends that ran without an error, right or not."""


def call_accuracy(statuses: NDArray[np.str_], level: float = LEVEL) -> Estimate:
    """Return the share of kernels that compile and run without an error (GEAK, arXiv 2507.23194).

    Statuses are the candidates' own verdicts, as text, of any shape: a repeat counts as what it repeats.
    """
    called = np.isin(statuses, sorted(map(str, CALLED)))
    return proportion(int(called.sum()), called.size, level)


def execution_accuracy(statuses: NDArray[np.str_], level: float = LEVEL) -> Estimate:
    """Return the share of kernels that pass all checks (GEAK, arXiv 2507.23194); any shape."""
    passed = statuses == str(Status.PASSED)
    return proportion(int(passed.sum()), passed.size, level)


def fast_p(speedups: Array, threshold: float, level: float = LEVEL) -> Estimate:
    """Return the share that is right and faster than the threshold (KernelBench, arXiv 2502.10517).

    Speed-ups have any shape, 0 or NaN where nothing was right.
    """
    return proportion(int((np.nan_to_num(speedups) > threshold).sum()), speedups.size, level)


def proportion(successes: int, trials: int, level: float = LEVEL) -> Estimate:
    """Return a share of independent trials with Wilson's interval (1927).

    Raises:
        ValueError: no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or not trials:
        raise ValueError(f"a share needs trials, and no more successes than those, got {successes}, {trials}")
    share, z = successes / trials, float(stats.norm.ppf((1 + level) / 2))
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    reach = z / (1 + z**2 / trials) * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return Estimate(
        value=share, low=min(share, max(0.0, centre - reach)), high=max(share, min(1.0, centre + reach)),
        error=math.sqrt(share * (1 - share) / trials), level=level,
    )  # fmt: skip


def geometric_mean(speedups: Array, axis: int | None = None) -> Array:
    """Return the geometric mean of positive speed-ups, of all or along an axis."""
    return np.asarray(2.0 ** np.log2(speedups).mean(axis=axis))


def median_of(values: Array, level: float = LEVEL) -> Estimate:
    """Return the median of independent values, shape (units,), with the interval of order statistics.

    It covers at least as often as the level, whatever the distribution; unbounded below six values at 95%.
    The error is the interval's half width over the normal quantile.
    """
    checked(values, 1, "units")
    ordered, count = np.sort(values), len(values)
    below = int(stats.binom.ppf((1 - level) / 2, count, 0.5))
    value = float(np.median(values))
    if below < 1:
        return Estimate(value=value, low=-math.inf, high=math.inf, error=math.inf, level=level)
    low, high = float(ordered[below - 1]), float(ordered[count - below])
    error = (high - low) / (2 * float(stats.norm.ppf((1 + level) / 2)))
    return Estimate(value=value, low=low, high=high, error=error, level=level)
