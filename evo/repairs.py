"""Repairs: broken candidates that wait to be parents beside the population, without a place in it."""

from __future__ import annotations

from evo.objective import Individual, progress
from evo.selection import UNFIT


class RepairQueue:
    """The broken individuals worth a repair, furthest through the cascade first, the newest among equals.

    One leaves when a child of it is settled, so none is repaired for ever; a child that is broken itself
    takes its own place.

    Attributes:
        members: who waits.
    """

    def __init__(self, places: int) -> None:
        """Begin with nobody; no more than `places` ever wait."""
        self.members: tuple[Individual, ...] = ()
        self._places = places

    def settle(self, individual: Individual) -> None:
        """Let the individual's parents go, and the individual wait if it is broken."""
        parents = individual.candidate.proposal.parents
        waiting = [each for each in self.members if each.number not in parents]
        evaluation = individual.evaluation
        if not evaluation.passed and evaluation.status not in UNFIT:
            waiting.append(individual)
        waiting.sort(key=lambda each: (-progress(each.evaluation), -each.number))
        self.members = tuple(waiting[: self._places])
