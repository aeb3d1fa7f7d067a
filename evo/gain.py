"""What a candidate gained over its parents: what operators are credited with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evo.evaluation import Stage, Status
from evo.objective import Individual

PROGRESS = 0.1
"""What the whole way through the cascade is worth to parents of which none passed, in doublings of speed."""

NOTHING = frozenset({Status.DUPLICATE, Status.MALFORMED})

TUNING = frozenset({"tune"})
"""Operators that only set what others left to be set: luck with settings, which is kept apart from ideas."""


class Outcome(NamedTuple):
    """What a settled candidate came to, as far as gains ask.

    Attributes:
        status: as settled.
        progress: how far through the cascade it came.
        speed: log2 speed-up over the seed kernel; it means nothing unless the candidate passed.
    """

    status: Status
    progress: float
    speed: float

    @classmethod
    def of(cls, individual: Individual) -> Outcome:
        """Return what an individual came to."""
        reached, speed = individual.fitness.values
        return cls(individual.evaluation.status, reached, speed)


def gain(individual: Individual, parents: Sequence[Individual]) -> float:
    """Return the gain of a settled individual, as `gained`."""
    return gained(Outcome.of(individual), [Outcome.of(parent) for parent in parents])


def gained(outcome: Outcome, parents: Sequence[Outcome]) -> float:
    """Return the gain of a settled candidate, 0 or more, in doublings of speed (log2).

    It is the log2 speed-up over the fastest parent that passed. Where none passed, each step further through
    the cascade than the furthest parent gains a little. Repeats and malformed replies gain nothing, and
    neither does what has no parents.
    """
    if not parents or outcome.status in NOTHING:
        return 0.0
    passed = [parent.speed for parent in parents if parent.status is Status.PASSED]
    if passed:
        return max(0.0, outcome.speed - max(passed)) if outcome.status is Status.PASSED else 0.0
    furthest = max(parent.progress for parent in parents)
    return PROGRESS * max(0.0, outcome.progress - furthest) / (Stage.TIME + 1)
