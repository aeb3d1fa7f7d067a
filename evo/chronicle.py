"""Chronicle: what a run knows beyond an operator's parents, as its engine and its journal tell it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from evo.candidate import Proposal, Spend
from evo.engine import Engine
from evo.errors import JournalError
from evo.journal import Journal, JournalReader
from evo.objective import Individual
from evo.protocols import Consulting
from evo.records import Called


class JournalChronicle:
    """The chronicle of one run. Implements `evo.protocols.Chronicle`."""

    def __init__(self, journal: JournalReader, engine: Engine) -> None:
        """Take the journal, open for writing if anything is to be kept, and the engine that it folds into."""
        self._journal = journal
        self._engine = engine

    @property
    def individuals(self) -> Mapping[int, Individual]:
        """All settled individuals by number."""
        return self._engine.individuals

    def settled(self, proposal: Proposal) -> Mapping[int, Individual]:
        """Return the individuals that were settled when an owed proposal was asked, in settling order."""
        return self._engine.settled(proposal)

    def reply(self, proposal: Proposal, request: bytes) -> bytes | None:
        """Return what was kept for the request of a proposal, by its number and attempt; None if nothing.

        Raises:
            JournalError: the journal cannot be read, or lacks a reply that it names.
        """
        digest = hashlib.sha256(request).hexdigest()
        for called in self._journal.called(proposal.number):
            if (called.attempt, called.request) == (proposal.attempt, digest):
                return self._journal.blob(called.reply)
        return None

    def keep(self, proposal: Proposal, request: bytes, reply: bytes, spend: Spend) -> None:
        """Keep a reply, and hold what was paid for it against the budget from now on.

        Raises:
            JournalError: it cannot be written, or one was kept before.
        """
        if not isinstance(self._journal, Journal):
            raise JournalError(
                f"replies are kept in a journal that is written, got one to read: {self._journal.path}"
            )
        record = Called(
            number=proposal.number,
            attempt=proposal.attempt,
            request=hashlib.sha256(request).hexdigest(),
            reply=hashlib.sha256(reply).hexdigest(),
            spend=spend,
        )
        self._journal.append(record, request, reply)
        self._engine.charge(proposal.number, spend)


def consult(engine: Engine, journal: JournalReader) -> None:
    """Tell the operators that build on the run's chronicle of it."""
    chronicle = JournalChronicle(journal, engine)
    for operator in engine.operators.values():
        if isinstance(operator, Consulting):
            operator.consult(chronicle)
