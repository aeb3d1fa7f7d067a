"""Selection: who becomes a parent, who survives, who is the elite."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from deap import tools

from evo.evaluation import Status
from evo.objective import Individual
from evo.settings import Selection

UNFIT = frozenset({Status.DUPLICATE, Status.MALFORMED})
"""Statuses that never enter a population: a repeat adds nothing, and a malformed reply has no kernel."""


SAME = math.log2(1.001)
"""Speed-ups that differ by less than this, in doublings, are taken for the same."""


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


def truncation(
    individuals: Sequence[Individual], count: int, size: int, rng: random.Random
) -> list[Individual]:
    """Return `count` distinct individuals, drawn evenly from the best 1/`size`; fewer if too few.

    There are at least `count` to draw from, where there are that many. Draws from `rng` only.
    """
    pool = sorted(valid(individuals), key=rank)
    best_ones = pool[: max(count, math.ceil(len(pool) / size))]
    return rng.sample(best_ones, min(count, len(best_ones)))


def lexicase(
    individuals: Sequence[Individual], count: int, size: int, rng: random.Random
) -> list[Individual]:
    """Return `count` distinct individuals, by epsilon-lexicase on the timed workloads; fewer if too few.

    Only those that passed have speed-ups. The others come after them, by tournament. Draws from `rng` only.
    La Cava et al. 2016, with the epsilon that DEAP computes: the median absolute deviation among those left.
    """
    pool = [_Cases(individual) for individual in passed(individuals)]
    chosen: list[Individual] = []
    with drawing_from(rng):
        while pool and len(chosen) < count:
            [winner] = tools.selAutomaticEpsilonLexicase(pool, 1)
            chosen.append(winner.individual)
            pool.remove(winner)
    others = [individual for individual in individuals if not individual.evaluation.passed]
    return chosen + tournament(others, count - len(chosen), size, rng)


class _Cases:
    """An individual as DEAP's lexicase sees it: one value for each timed workload, by name.

    The value is minus log2 of the latency. It differs from the log2 speed-up by the same amount for all
    individuals, and lexicase compares differences within a workload only.
    """

    def __init__(self, individual: Individual) -> None:
        self.individual = individual
        latencies = {each.workload: each.latency_ms for each in individual.evaluation.measurements}
        self.values = tuple(-math.log2(latencies[name]) for name in sorted(latencies))
        self.weights = (1.0,) * len(self.values)

    @property
    def fitness(self) -> _Cases:
        """What DEAP reads `values` and `weights` of."""
        return self


Selector = Callable[[Sequence[Individual], int, int, random.Random], list[Individual]]

SELECTORS: Mapping[Selection, Selector] = MappingProxyType(
    {
        Selection.TOURNAMENT: tournament,
        Selection.TRUNCATION: truncation,
        Selection.LEXICASE: lexicase,
    }
)
"""The way to draw parents of each name."""


def rank(individual: Individual) -> tuple[float, float, int]:
    """Return a key that sorts individuals best first, the lower number first among equals."""
    progress, speed = individual.fitness.values
    return -progress, -speed, individual.number


def fit(individuals: Iterable[Individual]) -> list[Individual]:
    """Return those that may be in a population, each once, best first."""
    able = {each.number: each for each in valid(individuals) if each.evaluation.status not in UNFIT}
    return sorted(able.values(), key=rank)


def survivors(individuals: Iterable[Individual], count: int) -> tuple[Individual, ...]:
    """Return the best `count`, best first, the lower number first among equals; none of them unfit.

    Repeats of a kernel or of a plan are DUPLICATE by the time they are settled, so each is in once only.
    """
    return tuple(fit(individuals)[:count])


def distinct(individuals: Iterable[Individual], count: int) -> tuple[Individual, ...]:
    """Return the best `count`, best first, and of those that are alike the first only; none of them unfit."""
    kept: list[Individual] = []
    for individual in fit(individuals):
        if len(kept) == count:
            break
        if not (kept and alike(kept[-1], individual)):
            kept.append(individual)
    return tuple(kept)


def alike(one: Individual, other: Individual) -> bool:
    """Return whether two individuals passed and are as fast as each other, as far as it matters."""
    if not (one.evaluation.passed and other.evaluation.passed):
        return False
    return abs(float(one.fitness.values[1]) - float(other.fitness.values[1])) <= SAME


def best(individuals: Iterable[Individual]) -> Individual | None:
    """Return the fastest that passed, the lower number among equals; None if none passed."""
    return min(passed(individuals), key=rank, default=None)
