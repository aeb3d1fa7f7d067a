"""An operator that asks for replies, and who gives them: at once, now and then, or never."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence

from evo.candidate import FREE, Proposal, Spend
from evo.engine import Engine
from evo.errors import Unanswered
from evo.objective import Individual
from evo.protocols import Chronicle, Draft, Malformed
from evo.task import Task
from tests.standins import SyntheticOperator, search_settings, synthetic_engine

Question = tuple[int, int, bytes]
"""A proposal's number and attempt, and what was asked for it."""

COST = Spend(tokens_in=30, tokens_out=12, dollars=0.0078125)


def told_by(request: bytes, proposal: Proposal) -> bytes:
    """Return the reply to a request of a proposal, which nobody can foresee."""
    return hashlib.sha256(b"%d %d " % (proposal.number, proposal.attempt) + request).digest()


class Desk:
    """Answers all questions, or those alone that `willing` says.

    Attributes:
        answered, unanswered: the questions that were and were not, in the order in which they came.
    """

    def __init__(self, willing: Callable[[Question], bool] = lambda _: True) -> None:
        self._willing = willing
        self.answered: list[Question] = []
        self.unanswered: list[Question] = []

    def answer(self, request: bytes, proposal: Proposal) -> bytes:
        question = (proposal.number, proposal.attempt, request)
        if not self._willing(question):
            self.unanswered.append(question)
            raise Unanswered
        self.answered.append(question)
        return told_by(request, proposal)


class AskingOperator(SyntheticOperator):
    """Asks up to three times for a proposal, of its parents and of all that was settled before it."""

    most = COST * 3

    def __init__(self, desk: Desk, name: str = "ask", arity: int = 1) -> None:
        super().__init__(name, arity, reach=4)
        self._desk = desk
        self._chronicle: Chronicle | None = None

    def consult(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        assert self._chronicle is not None
        seen = list(self._chronicle.settled(proposal))
        request = f"{[parent.number for parent in parents]} {seen}".encode()
        spend, times = FREE, 1 + proposal.number % 3
        for _ in range(times):
            request += self._reply(request, proposal)
            spend += COST
        key = random.Random(request).getrandbits(64)
        answer = await super().propose(_keyed(proposal, key), parents, task)
        if isinstance(answer, Malformed):
            return Malformed(answer.reason, spend)
        return Draft(answer.kernel, answer.summary, spend, hashlib.sha256(request).hexdigest())

    def _reply(self, request: bytes, proposal: Proposal) -> bytes:
        assert self._chronicle is not None
        kept = self._chronicle.reply(proposal, request)
        if kept is None:
            kept = self._desk.answer(request, proposal)
            self._chronicle.keep(proposal, request, kept, COST)
        return kept


def asking_engine(desk: Desk, **changes: object) -> Engine:
    """Return a fresh engine of which two of three operators ask."""
    made = (AskingOperator(desk), AskingOperator(desk, "asks2", 2), SyntheticOperator(reach=30))
    return synthetic_engine(search_settings(**changes), operators={each.name: each for each in made})


def _keyed(proposal: Proposal, key: int) -> Proposal:
    return Proposal(
        number=proposal.number, operator=proposal.operator, parents=proposal.parents,
        generation=proposal.generation, key=key,
    )  # fmt: skip
