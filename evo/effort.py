"""Effort: what was tried with each individual, so that the search goes on where little was."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from evo.candidate import Proposal
from evo.objective import Individual
from evo.selection import alike, fit

PLACE = 2.0
"""Power by which a place in the ranking counts: with as many children, the second best draws a quarter."""

FEW = 8.0
"""Children that are few: an individual of which so many are known draws half as often as when it was new."""

SLOWNESS = 4.0
"""Power by which speed counts: at half the best one's speed a sixteenth is left, whatever the place."""


class Effort:
    """How often each individual was a parent; a fold of the individuals settled.

    A child that is as fast as its parent inherits what was tried with the parent: a change that says nothing
    begins nothing anew. Only those that are members somewhere are remembered.
    """

    def __init__(self, tried: Mapping[int, int] = MappingProxyType({})) -> None:
        """Begin with how often each was a parent, never if not given."""
        self._tried = Counter(tried)

    def branch(self) -> Effort:
        """Return a copy, for what is drawn and not settled yet."""
        return Effort(self._tried)

    def note(self, proposal: Proposal) -> None:
        """Note that a proposal tries something with its parents."""
        self._tried.update(proposal.parents)

    def settle(self, individual: Individual, members: Mapping[int, Individual]) -> None:
        """Note what was tried to make an individual; from a parent that is alike it inherits."""
        proposal = individual.candidate.proposal
        self.note(proposal)
        for number in proposal.parents:
            if number in members and alike(individual, members[number]):
                self._tried[individual.number] = self._tried[number]

    def forget(self, members: Iterable[Individual]) -> None:
        """Forget all but the members."""
        self._tried = Counter({each.number: self._tried[each.number] for each in members})

    def of(self, number: int) -> int:
        """Return how often an individual was a parent."""
        return self._tried[number]


def least_tried(
    individuals: Sequence[Individual], count: int, effort: Effort, rng: random.Random
) -> list[Individual]:
    """Return `count` distinct individuals, drawn by how good they are and by how little was tried with them.

    The best draws most as long as it is new; the longer nothing better comes of it, the more often others
    have their turn. The weight of the k-th best, with s of the best one's speed and n children, is
    s ** SLOWNESS / (k ** PLACE * (1 + n / FEW)). Broken ones are drawn only where too few have passed.
    """
    ranked = fit(individuals)
    working = [each for each in ranked if each.evaluation.passed]
    pool = working if len(working) >= count else ranked
    weights = [
        _share(each, pool[0]) / (place**PLACE * (1 + effort.of(each.number) / FEW))
        for place, each in enumerate(pool, start=1)
    ]
    chosen: list[Individual] = []
    while pool and len(chosen) < count:
        [place] = rng.choices(range(len(pool)), weights)
        chosen.append(pool.pop(place))
        del weights[place]
    return chosen


def _share(individual: Individual, best: Individual) -> float:
    """Return what is left of a weight for being slower than the best, or broken beside it."""
    (progress, speed), (furthest, fastest) = individual.fitness.values, best.fitness.values
    behind = fastest - speed if progress == furthest else 1.0
    return float(2.0 ** (-SLOWNESS * behind))
