"""Power: how many seeds it takes to tell a difference, from a pilot's spread.

Components of variance by the method of moments (one-way, Searle, Casella and McCulloch 1992). The power of a
paired t-test is the noncentral t's (Cohen 1988).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from scipy import stats

from experiments.study.estimators.estimate import LEVEL, Array, checked
from experiments.study.estimators.over_runs import Tasks

FIVE_PERCENT = math.log2(1.05)
"""A difference of 5% in speed-up, in doublings."""

POWER = 0.8
MOST_SEEDS = 10_000


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Where differences between two cells come from.

    Attributes:
        tasks: standard deviation between tasks of what the cells differ by, in doublings.
        seeds: standard deviation between seeds on one task.
    """

    tasks: float
    seeds: float

    def __post_init__(self) -> None:
        """Refuse what is no spread."""
        if not (0 <= self.tasks < math.inf and 0 <= self.seeds < math.inf):
            raise ValueError(f"a spread must be finite and not negative, got {self}")


def spread_of(differences: Array) -> Spread:
    """Return the spread of a pilot's paired differences, shape (tasks, seeds), two seeds or more.

    Raises:
        ValueError: differences of another shape, not finite, or of one seed only.
    """
    checked(differences, 2, "tasks x seeds")
    tasks, seeds = differences.shape
    if seeds < 2:
        raise ValueError(f"a spread between seeds needs two seeds or more, got {seeds}")
    within = float(differences.var(axis=1, ddof=1).mean())
    between = float(differences.mean(axis=1).var(ddof=1)) - within / seeds if tasks > 1 else 0.0
    return Spread(tasks=math.sqrt(max(0.0, between)), seeds=math.sqrt(within))


def spread_of_cell(values: Array) -> Spread:
    """Return the spread to expect of differences, from one cell's log2 speed-ups, shape (tasks, seeds).

    The other cell is taken to vary as much and on its own, as if pairing did not help: the cautious guess.
    One cell says nothing of how differences vary between tasks.

    Raises:
        ValueError: as `spread_of`.
    """
    return Spread(tasks=0.0, seeds=math.sqrt(2) * spread_of(values).seeds)


def power_of(
    seeds: int, tasks: int, spread: Spread, which: Tasks = Tasks.THESE, effect: float = FIVE_PERCENT,
    level: float = LEVEL,
) -> float:  # fmt: skip
    """Return how often a two-sided paired test tells an effect, in doublings, with so many seeds a task.

    Of these tasks that is the sign-flip test of `paired`, which tells nothing from so few pairs that even all
    of one sign are no rarer than one minus the level; from more it comes close to the t-test.
    """
    if which is Tasks.THESE and 2.0 ** (1 - tasks * seeds) > 1 - level:
        return 0.0
    if which is Tasks.THESE:
        error, freedom = spread.seeds / math.sqrt(tasks * seeds), tasks * (seeds - 1)
    else:
        error = math.sqrt((spread.tasks**2 + spread.seeds**2 / seeds) / tasks)
        freedom = tasks - 1
    if freedom < 1:
        return 0.0
    if error == 0:
        return 1.0 if effect else 0.0
    edge = float(stats.t.ppf((1 + level) / 2, freedom))
    shift = abs(effect) / error
    # The chance of the wrong sign is negligible; far out, the noncentral t overflows to NaN and is 0.
    missed = np.nan_to_num(float(stats.nct.cdf(edge, freedom, shift)))
    return 1.0 - float(missed)


def seeds_needed(
    tasks: int, spread: Spread, which: Tasks = Tasks.THESE, effect: float = FIVE_PERCENT,
    power: float = POWER, level: float = LEVEL,
) -> int | None:  # fmt: skip
    """Return the fewest seeds a task that tell an effect so often; None if no number up to 10,000 does.

    Of tasks like these, more seeds do not help once the tasks' own spread is what hides the effect.
    """

    def enough(seeds: int) -> bool:
        return power_of(seeds, tasks, spread, which, effect, level) >= power

    if not enough(MOST_SEEDS):
        return None
    low, high = 0, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
