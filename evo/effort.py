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
"""The k-th best draws as often as the best once that was tried about k to this power times as often."""

SLOWNESS = 4.0
"""An individual half as fast as the best draws as seldom as two to this power fewer of its like would."""


class Effort:
    """How often each individual was a parent, by operator; a fold of the individuals settled.

    A child that is as fast as its parent inherits what was tried with the parent: a change that says nothing
    begins nothing anew. Only those that are members somewhere are remembered.
    """

    def __init__(self, tried: Mapping[int, Counter[str]] = MappingProxyType({})) -> None:
        """Begin with what was tried with each, nothing if not given."""
        self._tried = {number: Counter(each) for number, each in tried.items()}

    def branch(self) -> Effort:
        """Return a copy, for what is drawn and not settled yet."""
        return Effort(self._tried)

    def note(self, proposal: Proposal) -> None:
        """Note that a proposal tries its operator with its parents."""
        for number in proposal.parents:
            self._tried.setdefault(number, Counter())[proposal.operator] += 1

    def settle(self, individual: Individual, members: Mapping[int, Individual]) -> None:
        """Note what was tried to make an individual; from a parent that is alike it inherits."""
        proposal = individual.candidate.proposal
        self.note(proposal)
        for number in proposal.parents:
            if number in members and alike(individual, members[number]):
                self._tried[individual.number] = Counter(self._tried[number])

    def forget(self, members: Iterable[Individual]) -> None:
        """Forget all but the members."""
        numbers = {each.number for each in members}
        self._tried = {number: tried for number, tried in self._tried.items() if number in numbers}

    def of(self, number: int) -> int:
        """Return how often an individual was a parent."""
        return self._tried[number].total() if number in self._tried else 0

    def puts_off(self, operator: str, parents: Sequence[int], rng: random.Random) -> bool:
        """Return whether operators that were tried less with these parents should have their turn first.

        What was tried n times goes first once in n + 1 times, so that in the long run operators are asked of
        a parent in proportion to the square roots of their weights.
        """
        tried = max((self._tried[each][operator] for each in parents if each in self._tried), default=0)
        return rng.random() * (1 + tried) >= 1


def least_tried(
    individuals: Sequence[Individual], count: int, effort: Effort, rng: random.Random
) -> list[Individual]:
    """Return `count` distinct individuals, drawn by how good they are and by how little was tried with them.

    The best draws most as long as it is new; the longer nothing better comes of it, the more often others
    have their turn. The weight of the k-th best, with s of the best one's speed and n children, is
    s ** SLOWNESS / (k ** PLACE * (1 + n)). Broken ones are drawn only where there are too few that passed.
    """
    ranked = fit(individuals)
    working = [each for each in ranked if each.evaluation.passed]
    pool = working if len(working) >= count else ranked
    weights = [
        _share(each, pool[0]) / (place**PLACE * (1 + effort.of(each.number)))
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
