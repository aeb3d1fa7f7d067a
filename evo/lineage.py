"""Lineage: who came from whom, the rejected included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from evo.candidate import Proposal
from evo.errors import UsageError
from evo.objective import Individual


class Lineage:
    """The family tree of a run's candidates, by their numbers. Every method raises UsageError for others.

    The way back asks for the members on it alone. Children and descendants go through all members, once.
    """

    def __init__(self, members: Mapping[int, Proposal] | Mapping[int, Individual]) -> None:
        """Take proposals or individuals by number; parents that are not among them count as unknown."""
        self._members = members

    def parents(self, number: int) -> tuple[int, ...]:
        """Return the parents, in the order in which the operator took them."""
        return self._parents(self._known(number))

    def children(self, number: int) -> tuple[int, ...]:
        """Return the candidates made from this one, numbers ascending."""
        return tuple(self._children[self._known(number)])

    def ancestors(self, number: int) -> tuple[int, ...]:
        """Return parents, their parents and so on, numbers ascending."""
        return self._reached(number, self._parents)

    def descendants(self, number: int) -> tuple[int, ...]:
        """Return children, their children and so on, numbers ascending."""
        return self._reached(number, lambda each: self._children[each])

    def line(self, number: int) -> tuple[int, ...]:
        """Return the way to this candidate along first parents, from the one without parents to itself."""
        way = [self._known(number)]
        while parents := self._parents(way[-1]):
            way.append(parents[0])
        return tuple(reversed(way))

    def _known(self, number: int) -> int:
        if number not in self._members:
            raise UsageError(f"a candidate must be one of this run's {len(self._members)}, got {number}")
        return number

    def _parents(self, number: int) -> tuple[int, ...]:
        """Return the parents; none for a member that is unknown."""
        member = self._members.get(number)
        return () if member is None else _parents(member)

    @cached_property
    def _children(self) -> dict[int, list[int]]:
        """The children of each member, ascending."""
        parents = sorted((number, _parents(member)) for number, member in self._members.items())
        children: dict[int, list[int]] = {number: [] for number, _ in parents}
        for number, own in parents:
            for parent in dict.fromkeys(own):
                if parent in children:
                    children[parent].append(number)
        return children

    def _reached(self, number: int, neighbours: Callable[[int], Iterable[int]]) -> tuple[int, ...]:
        """Return all that can be reached from the number, itself excluded."""
        seen: set[int] = set()
        frontier = [self._known(number)]
        while frontier:
            fresh = [each for each in neighbours(frontier.pop()) if each not in seen]
            seen.update(fresh)
            frontier.extend(fresh)
        return tuple(sorted(seen))


def _parents(member: Proposal | Individual) -> tuple[int, ...]:
    return member.parents if isinstance(member, Proposal) else member.candidate.proposal.parents
