"""Gain per unit of what was spent: a ratio of sums over runs, with its interval."""

from __future__ import annotations

import math

import numpy as np

from experiments.study.estimators.estimate import LEVEL, Array, Estimate, checked, student


def gain_per_unit(gains: Array, spent: Array, level: float = LEVEL) -> Estimate:
    """Return what one unit of a currency gained, for these very tasks.

    Gains are log2 speed-ups, spent is in the currency; both of shape (tasks, seeds). The ratio of the two
    means, not the mean of ratios, which a cheap run would rule. Its error is the linearised one (Cochran
    1977, 6.3): that of gain - ratio x spent, over the mean spent. Tasks are strata, with Satterthwaite's
    degrees of freedom.

    Raises:
        ValueError: shapes that differ or are not tasks x seeds, or nothing spent.
    """
    checked(gains, 2, "tasks x seeds")
    checked(spent, 2, "tasks x seeds")
    if gains.shape != spent.shape or spent.mean() <= 0:
        raise ValueError(
            f"gain per unit needs what was spent, more than nothing, for each run: "
            f"got {gains.shape} gains, {spent.shape} spent, {spent.sum()} in all"
        )
    tasks, seeds = gains.shape
    ratio = float(gains.mean() / spent.mean())
    if seeds == 1:
        return student(ratio, math.inf, 0, level)
    variances = (gains - ratio * spent).var(axis=1, ddof=1) / seeds
    total = float(variances.sum())
    freedom = tasks * (seeds - 1.0) if total == 0 else (seeds - 1) * total**2 / float(np.sum(variances**2))
    return student(ratio, math.sqrt(total) / tasks / float(spent.mean()), freedom, level)
