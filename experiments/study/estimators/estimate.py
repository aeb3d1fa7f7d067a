"""Estimate: a value with its interval, which every estimator returns; and Student's interval."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL = 0.95
"""How often an interval is to cover the truth."""

Array = NDArray[np.float64]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A value and where the truth lies.

    Attributes:
        value: the estimate.
        low, high: bounds of the interval; minus and plus infinity where the data cannot bound it.
        error: standard error; infinity where the data do not tell it.
        level: how often such an interval covers.

    Raises:
        ValueError: a value that is not finite, or bounds out of order.
    """

    value: float
    low: float
    high: float
    error: float
    level: float = LEVEL

    def __post_init__(self) -> None:
        """Refuse what is no interval."""
        if not math.isfinite(self.value) or not self.low <= self.high or not self.error >= 0:
            raise ValueError(f"an estimate needs a finite value and low <= high, got {self}")

    def excludes(self, truth: float) -> bool:
        """Return whether a value is outside of the interval."""
        return not self.low <= truth <= self.high


def student(value: float, error: float, freedom: float, level: float = LEVEL) -> Estimate:
    """Return value ± t × error for so many degrees of freedom (Student 1908); unbounded if there are none."""
    if freedom <= 0:
        return Estimate(value=value, low=-math.inf, high=math.inf, error=math.inf, level=level)
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    return Estimate(value=value, low=value - reach, high=value + reach, error=error, level=level)


def of_units(values: Array, level: float = LEVEL) -> Estimate:
    """Return the mean of independent units, shape (units,), with Student's interval over them."""
    checked(values, 1, "units")
    count = len(values)
    error = float(values.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    return student(float(values.mean()), error, count - 1, level)


def checked(values: Array, dimensions: int, shape: str) -> None:
    """Check that an array has so many dimensions, none of them empty, and finite values.

    Raises:
        ValueError: it has not; `shape` says in words what is wanted.
    """
    if values.ndim != dimensions or not values.size:
        raise ValueError(f"values must be {shape}, none of them empty, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"values must be finite, got {int((~np.isfinite(values)).sum())} that are not")
