"""What an individual gained over its parents: what operators are credited with."""

from __future__ import annotations

from collections.abc import Sequence

from evo.evaluation import Stage, Status
from evo.objective import Individual

PROGRESS = 0.1
"""What the whole way through the cascade is worth to parents of which none passed, in doublings of speed."""

NOTHING = frozenset({Status.DUPLICATE, Status.MALFORMED})


def gain(individual: Individual, parents: Sequence[Individual]) -> float:
    """Return the gain of a settled individual, 0 or more, in doublings of speed (log2).

    It is the log2 speed-up over the fastest parent that passed. Where none passed, each step further through
    the cascade than the furthest parent gains a little. Repeats and malformed replies gain nothing, and
    neither does what has no parents.
    """
    if not parents or individual.evaluation.status in NOTHING:
        return 0.0
    reached, speedup = individual.fitness.values
    passed = [parent.fitness.values[1] for parent in parents if parent.evaluation.passed]
    if passed:
        return max(0.0, float(speedup - max(passed))) if individual.evaluation.passed else 0.0
    furthest = max(parent.fitness.values[0] for parent in parents)
    return PROGRESS * max(0.0, float(reached - furthest)) / (Stage.TIME + 1)
