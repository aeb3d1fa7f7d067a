"""What paired timings say: all figures are natural logarithms of candidate over seed, one a block.

The two kernels of a block run within milliseconds of each other, so that drift of clocks and temperature
falls out of their ratio. The statistic is the median over blocks with a percentile bootstrap interval
(Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.99
RESAMPLES = 4000
RESAMPLES_OF_A_RACE = 500


class Estimate(msgspec.Struct, frozen=True):
    """A median and the bounds of its 99% interval."""

    median: float
    low: float
    high: float

    def widened(self, floor: float) -> Estimate:
        """Return the same with bounds at least as far from the median as the noise floor."""
        return Estimate(self.median, min(self.low, self.median - floor), max(self.high, self.median + floor))


def estimate(log_ratios: Sequence[float], resamples: int = RESAMPLES) -> Estimate:
    """Return the median of the blocks with its bootstrap interval; the same blocks give the same bounds.

    Raises:
        ValueError: no blocks, or a ratio that is not finite.
    """
    values = np.sort(np.asarray(log_ratios, dtype=np.float64))
    if not values.size or not np.isfinite(values).all():
        raise ValueError(f"an estimate needs finite ratios, at least one, got {list(log_ratios)}")
    medians = values[_middles(values.size, resamples)].mean(axis=0)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(medians, (tail, 1.0 - tail))
    median = float(np.median(values))
    return Estimate(median, min(float(low), median), max(float(high), median))


@functools.lru_cache(maxsize=128)
def _middles(size: int, resamples: int) -> NDArray[np.int64]:
    """Return the ranks of the two values in the middle of each resample of so many, in shape (2, resamples).

    They are drawn once: the device waits while a race is decided.
    """
    ranks = np.sort(np.random.default_rng(0).integers(size, size=(resamples, size)), axis=1)
    return np.ascontiguousarray(ranks[:, [(size - 1) // 2, size // 2]].T)


def noise_floor(log_ratios: Sequence[float]) -> float:
    """Return how far from nothing an A/A run came: the larger bound of its interval."""
    told = estimate(log_ratios)
    return max(abs(told.low), abs(told.high))


def wins(told: Estimate, floor: float) -> bool:
    """Return whether a candidate is faster than the seed: its whole interval lies outside the noise floor."""
    return told.high < -floor


def hopeless(log_ratios: Sequence[float], bound: float) -> bool:
    """Return whether a candidate's log ratio to the seed is surely above a bound: it is too slow to matter.

    A race may only end a candidate's measurement early when it is slow; one that looks fast runs on.
    """
    return float(np.median(log_ratios)) > bound and estimate(log_ratios, RESAMPLES_OF_A_RACE).low > bound


def settled(log_ratios: Sequence[float], within: float) -> bool:
    """Return whether the interval is no wider than so much on either side of the median.

    It looks at the width alone: stopping by where the interval lies would favour lucky kernels.
    """
    told = estimate(log_ratios, RESAMPLES_OF_A_RACE)
    return max(told.high - told.median, told.median - told.low) <= within


def log_ratio(candidate_ms: Sequence[float], seed_ms: Sequence[float]) -> float:
    """Return the log ratio of one block: the mean over each side's calls.

    Raises:
        ValueError: a latency that is not positive.
    """
    if min(*candidate_ms, *seed_ms) <= 0:
        raise ValueError(f"latencies must be positive, got {candidate_ms} and {seed_ms} ms")
    candidate = sum(map(math.log, candidate_ms)) / len(candidate_ms)
    return candidate - sum(map(math.log, seed_ms)) / len(seed_ms)
