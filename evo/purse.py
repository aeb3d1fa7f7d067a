"""Purse: what a search has spent, and what its proposals under way may spend still."""

from __future__ import annotations

from collections.abc import Mapping

from evo.budget import Budget
from evo.candidate import FREE, Candidate, Proposal, Spend


class Purse:
    """Keeps account: a proposal that is asked reserves the most that it may cost, its tell pays what it did.

    What was paid for a proposal that is owed is charged to it, and so counts before its tell, once.
    """

    def __init__(self, most: Mapping[str, Spend]) -> None:
        """Take the most that a proposal may cost, by operator; the operators that are not there are free."""
        self._told = FREE
        self._most = dict(most)
        self._owed: dict[int, Spend] = {}
        self._charges: dict[int, Spend] = {}

    @property
    def spent(self) -> Spend:
        """What all that were told have cost, and what was charged to those that are owed."""
        return sum(self._charges.values(), start=self._told)

    @property
    def reserved(self) -> Spend:
        """The most that all that were asked and not told may cost, what was charged to them included."""
        numbers = sorted(self._owed.keys() | self._charges.keys())
        return sum((self._owed.get(each, FREE).at_least(self.charged(each)) for each in numbers), start=FREE)

    def reserve(self, proposal: Proposal) -> None:
        """Take note that a proposal was asked."""
        if proposal.operator in self._most:
            self._owed[proposal.number] = self._most[proposal.operator]

    def charge(self, number: int, spend: Spend) -> None:
        """Take note of what was paid for a proposal that is owed."""
        self._charges[number] = self.charged(number) + spend

    def charged(self, number: int) -> Spend:
        """Return what was charged to a proposal that is owed."""
        return self._charges.get(number, FREE)

    def pay(self, candidate: Candidate) -> None:
        """Take note of all that a candidate that was told has cost, what was charged to it included."""
        self._owed.pop(candidate.number, None)
        self._charges.pop(candidate.number, None)
        self._told += candidate.spend

    def affords(self, budget: Budget, proposal: Proposal) -> bool:
        """Return whether a proposal stays within the budget, whatever those under way will cost.

        Which proposals are refused for good does not depend on the order of tells: one that is afforded while
        others are under way is afforded once they are told too, since none costs more than it has reserved.
        """
        most = self._most.get(proposal.operator)
        return most is None or budget.holds(self._told + self.reserved + most)

    def refusal(self, budget: Budget, proposal: Proposal) -> str:
        """Return the sentence that says why a proposal is not asked."""
        return f"{budget.share(self.spent)} spent, {proposal.operator} may cost more than is left"
