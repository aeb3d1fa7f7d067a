"""Courses: when proposals are drawn and results settled. One waits at barriers, the steady one never does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from evo.budget import Budget, spent
from evo.candidate import Candidate, Proposal
from evo.evaluation import Evaluation
from evo.events import Event
from evo.ledger import Ledger
from evo.proposing import Proposer
from evo.settings import Mode, SearchSettings

NO_OPERATOR = "no operator applies to the population"


class Course(Protocol):
    """The pace of a search over a ledger. Nothing in it depends on time or on how many work at once.

    Attributes:
        budget: when the search ends; it may be replaced.
        asked: proposals asked so far.
        cut: whether the last generation was ended before all of it was there.
    """

    budget: Budget
    asked: int
    cut: bool

    @property
    def told(self) -> int:
        """Candidates taken so far, those that wait to be settled included."""

    def waits(self, number: int) -> bool:
        """Return whether the candidate was taken and is not settled yet."""

    def ask(self) -> Proposal | None:
        """Return the next proposal; None if the budget is asked or it takes a tell to draw more."""

    def take(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Take the evaluation of a candidate that is owed."""

    def settle(self) -> Sequence[Event]:
        """Settle what can be settled and return what came of it."""

    def rest(self) -> str | None:
        """Return why the search ends, if nothing is owed and it does."""

    def close(self) -> Sequence[Event]:
        """End the generation under way, for the search has stopped, where that needs no barrier."""


class Generational:
    """(mu + lambda) by generations, each settled in proposal order once all of it was told."""

    def __init__(
        self, ledger: Ledger, settings: SearchSettings, proposer: Proposer, founders: tuple[Proposal, ...]
    ) -> None:
        """Begin with the founders' proposals, the seed kernel's first: a generation of their own."""
        self.asked = 0
        self.cut = False
        self._ledger = ledger
        self.budget = settings.budget
        self._settings = settings
        self._proposer = proposer
        self._founders = len(founders)
        self._drawn: tuple[Proposal, ...] | None = founders
        self._refused: Proposal | None = None
        self._waiting: dict[int, tuple[Candidate, Evaluation]] = {}

    @property
    def told(self) -> int:
        """Candidates taken so far, those that wait for the barrier included."""
        return len(self._ledger.individuals) + len(self._waiting)

    def waits(self, number: int) -> bool:
        """Return whether the candidate waits for the barrier."""
        return number in self._waiting

    def ask(self) -> Proposal | None:
        """Return the generation's next proposal; None at its barrier, or if the money may not be enough."""
        proposal = self._next()
        if proposal is None or not self._ledger.purse.affords(self.budget, proposal):
            return None
        self.asked += 1
        return proposal

    def take(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Let the candidate wait for the barrier."""
        self._waiting[candidate.number] = (candidate, evaluation)

    def settle(self) -> Sequence[Event]:
        """Fold the generation in proposal order once all of it is there that the money is enough for."""
        if not self._waiting or self.asked != self.told:
            return []
        self._refused = self._next()
        if self._refused is not None and self._ledger.purse.affords(self.budget, self._refused):
            return []
        settled = [self._ledger.settle(*self._waiting[number]) for number in sorted(self._waiting)]
        self._ledger.islands.absorb([each.individual for each in settled])
        self._waiting.clear()
        self.cut = len(settled) < len(self._drawn or ())
        self._drawn = ()
        return [*settled, self._ledger.end_generation()]

    def rest(self) -> str | None:
        """Return why the search ends at this barrier, or draw the next generation and return None."""
        if self.asked != len(self._ledger.individuals):
            return None
        reason = spent(self.budget, self._ledger.standing())
        if reason is None and self._refused is not None:
            return self._ledger.purse.refusal(self.budget, self._refused)
        if reason is None and not self._drawn:
            numbers = range(self.asked, self.asked + self._settings.offspring)
            self._drawn = self._proposer.draw(numbers, self._ledger.generation, self._ledger.islands)
        first = self._next()
        if reason is None and first is not None and not self._ledger.purse.affords(self.budget, first):
            return self._ledger.purse.refusal(self.budget, first)
        return NO_OPERATOR if reason is None and self._drawn is None else reason

    def close(self) -> Sequence[Event]:
        """Leave the generation open: its results fold at the barrier only."""
        return []

    def _next(self) -> Proposal | None:
        """Return the next proposal of the generation, as many as the budget has places for."""
        place = self.asked - len(self._ledger.individuals)
        most = self.budget.candidates(self._founders, self._settings.offspring)
        if place >= len(self._drawn or ()) or self.asked >= most:
            return None
        return (self._drawn or ())[place]


class Steady:
    """(mu + 1) on each island: each tell is settled at once, and what is asked next knows of it.

    A generation is lambda tells, once all founders are told; the seed kernel is told before any other is
    asked. What is asked depends on the seed, the number and what was told before, in its order; the journal
    keeps that order. When the budget is spent, what is owed is still taken.
    """

    def __init__(
        self, ledger: Ledger, settings: SearchSettings, proposer: Proposer, founders: tuple[Proposal, ...]
    ) -> None:
        """Begin with the founders' proposals, a generation of their own, for which all others wait."""
        self.asked = 0
        self.cut = False
        self._ledger = ledger
        self.budget = settings.budget
        self._settings = settings
        self._proposer = proposer
        self._founders = founders
        self._next: Proposal | None = founders[0]
        self._taken: tuple[Candidate, Evaluation] | None = None

    @property
    def told(self) -> int:
        """Candidates taken so far."""
        return len(self._ledger.individuals) + (self._taken is not None)

    def waits(self, number: int) -> bool:
        """Return whether the candidate is about to be settled."""
        return self._taken is not None and self._taken[0].number == number

    def ask(self) -> Proposal | None:
        """Return a proposal from what was told so far; None while founders are owed or if nothing applies."""
        full = self.asked >= self.budget.candidates(len(self._founders), self._settings.offspring)
        if full or spent(self.budget, self._ledger.standing()) is not None:
            return None
        proposal = self._next or self._draw()
        if proposal is None or not self._ledger.purse.affords(self.budget, proposal):
            return None
        self.asked += 1
        self._next = None
        return proposal

    def take(self, candidate: Candidate, evaluation: Evaluation) -> None:
        """Hold the candidate until it is settled, at once."""
        self._taken = (candidate, evaluation)

    def settle(self) -> Sequence[Event]:
        """Settle what was told, and end the generation if that was its last."""
        if self._taken is None:
            return []
        settled = self._ledger.settle(*self._taken)
        self._taken = None
        self._ledger.islands.absorb([settled.individual])
        due = self._settings.offspring if self._ledger.generation else len(self._founders)
        if len(self._ledger.since) < due:
            return [settled]
        return [settled, self._ledger.end_generation()]

    def rest(self) -> str | None:
        """Return why the search ends now that nothing is owed, or see that there is a proposal to ask."""
        if self.asked != self.told:
            return None
        reason = spent(self.budget, self._ledger.standing())
        if reason is None and self._next is None:
            self._next = self._draw()
        purse = self._ledger.purse
        if reason is None and self._next is not None and not purse.affords(self.budget, self._next):
            return purse.refusal(self.budget, self._next)
        return NO_OPERATOR if reason is None and self._next is None else reason

    def close(self) -> Sequence[Event]:
        """End the generation under way with what was told of it, if anything was."""
        if not self._ledger.since:
            return []
        self.cut = True
        return [self._ledger.end_generation()]

    def _draw(self) -> Proposal | None:
        if self._ledger.baseline is not None and self.asked < len(self._founders):
            return self._founders[self.asked]
        if self.told < len(self._founders):
            return None
        drawn = self._proposer.draw([self.asked], self._ledger.generation, self._ledger.islands)
        return drawn[0] if drawn else None


COURSES: Mapping[Mode, Callable[[Ledger, SearchSettings, Proposer, tuple[Proposal, ...]], Course]] = (
    MappingProxyType({Mode.GENERATIONAL: Generational, Mode.STEADY: Steady})
)
"""The course of each mode."""
