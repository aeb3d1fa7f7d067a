"""Selection: who becomes a parent, who survives, who is the elite."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from deap import tools

from evo.evaluation import Status
from evo.objective import Individual

UNFIT = frozenset({Status.DUPLICATE, Status.MALFORMED})
"""Statuses that never enter a population: a repeat adds nothing, and a malformed reply has no kernel."""


@contextmanager
def drawing_from(rng: random.Random) -> Iterator[None]:
    """Let DEAP's selectors, which draw from the module `random`, draw from `rng`; restore it on leaving."""
    saved = random.getstate()
    random.setstate(rng.getstate())
    try:
        yield
    finally:
        rng.setstate(random.getstate())
        random.setstate(saved)


def valid(individuals: Iterable[Individual]) -> list[Individual]:
    """Return the individuals whose fitness has values; DEAP's selectors accept the others silently."""
    return [individual for individual in individuals if individual.fitness.valid]


def passed(individuals: Iterable[Individual]) -> list[Individual]:
    """Return the individuals that passed: all that a selector which looks at speed-ups alone may see."""
    return [individual for individual in valid(individuals) if individual.evaluation.passed]


def tournament(
    individuals: Sequence[Individual], count: int, size: int, rng: random.Random
) -> list[Individual]:
    """Return `count` distinct individuals, each the best of `size` drawn with replacement; fewer if too few.

    Individuals without valid fitness are never returned. Draws from `rng` only.
    """
    pool = valid(individuals)
    chosen: list[Individual] = []
    with drawing_from(rng):
        while pool and len(chosen) < count:
            [winner] = tools.selTournament(pool, 1, size)
            chosen.append(winner)
            pool.remove(winner)
    return chosen


def survivors(individuals: Iterable[Individual], count: int) -> tuple[Individual, ...]:
    """Return the best `count`, best first, the lower number first among equals; none of them unfit.

    Repeats of a kernel or of a plan are DUPLICATE by the time they are settled, so each is in once only.
    """
    fit = [individual for individual in valid(individuals) if individual.evaluation.status not in UNFIT]
    fit.sort(key=lambda individual: individual.number)
    return tuple(tools.selBest(fit, count))


def best(individuals: Iterable[Individual]) -> Individual | None:
    """Return the fastest that passed, the lower number among equals; None if none passed."""
    ranked = survivors(passed(individuals), 1)
    return ranked[0] if ranked else None
