"""Past: the candidates of a run as its journal tells them, each read when it is asked for."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping
from functools import lru_cache

import msgspec

from evo.candidate import Kernel, Proposal
from evo.evaluation import Evaluation
from evo.identity import IDENTITY, RunIdentity
from evo.journal import JournalReader
from evo.objective import Individual, assess
from evo.records import ATTEMPTS, Asked, Evaluated
from evo.settings import Mode

FINAL = f"(body ->> '$.attempt' >= {ATTEMPTS} OR body ->> '$.evaluation.status' <> 'TIMEOUT')"
KEPT = 256
KERNEL, SYNTAX = "body ->> '$.kernel'", "body ->> '$.syntax'"
PLAN = "body ->> '$.evaluation.plan_digest'"


class JournalPast:
    """The individuals of a run by number, as they were settled. Implements `evo.individuals.Past`.

    A candidate that waits for its generation's barrier is among them, as it will be settled.
    """

    def __init__(self, journal: JournalReader) -> None:
        """Take the journal, which must be open when anything is asked."""
        self._journal = journal
        self._proposals = RecordedProposals(journal)
        self._baseline: Evaluation | None = None

    def individual(self, number: int) -> Individual:
        """Return an individual.

        Raises:
            KeyError: nothing final was told of the candidate.
            JournalError: the journal cannot be read.
        """
        told, proposal = self._told(number), self._proposals[number]
        kernel = None if told.kernel is None else self._journal.kernel(told.kernel)
        candidate = told.candidate(proposal, kernel)
        first, evaluation = self._first(told), told.evaluation
        if self._baseline is None:
            self._baseline = self._told(0).evaluation
        return assess(
            candidate, evaluation if first == number else evaluation.as_duplicate_of(first), self._baseline
        )

    def verdict(self, kernel: Kernel) -> Evaluation | None:
        """Return what was told of the same kernel first, if anything."""
        number = self._earliest(KERNEL, kernel.digest, "seq")
        return None if number is None else self._told(number).evaluation

    def _told(self, number: int) -> Evaluated:
        """Return what was told last of a candidate."""
        told = self._journal.told(number)
        if not told or not told[-1].final:
            raise KeyError(number)
        return told[-1]

    def _first(self, told: Evaluated) -> int:
        """Return the first of all candidates that this one repeats, by the rule of `evo.repeats`."""
        identity = self._journal.meta(IDENTITY, RunIdentity)
        order = "seq" if identity is not None and identity.mode is Mode.STEADY else "body ->> '$.number'"
        firsts = []
        identities = (KERNEL, told.kernel), (SYNTAX, told.syntax), (PLAN, told.evaluation.plan_digest)
        for where, digest in identities:
            number = None if digest is None else self._earliest(where, digest, order)
            if number is not None and number != told.number:
                firsts.append(self._first(self._told(number)))
        return min(firsts, default=told.number)

    def _earliest(self, where: str, digest: str, order: str) -> int | None:
        """Return the number of the candidate with this digest that comes before all others."""
        query = (
            f"SELECT body ->> '$.number' FROM events WHERE kind = 'told' AND {FINAL} "
            f"AND substr({where}, 1, 16) = substr(?1, 1, 16) AND {where} = ?1 ORDER BY {order} LIMIT 1"
        )
        return next((int(number) for (number,) in self._journal.rows(query, digest)), None)


class RecordedProposals(Mapping[int, Proposal]):
    """The proposals of all candidates that were told, by number, ascending."""

    def __init__(self, journal: JournalReader) -> None:
        """Take the journal, which must be open when anything is asked."""
        self._journal = journal

    def __getitem__(self, number: int) -> Proposal:
        if number not in self:
            raise KeyError(number)
        query = "SELECT body FROM events WHERE kind = 'asked' AND body ->> '$.proposal.number' = ?"
        [(body,)] = self._journal.rows(query, number)
        return msgspec.json.decode(body, type=Asked).proposal

    def __contains__(self, number: object) -> bool:
        query = f"SELECT 1 FROM events WHERE kind = 'told' AND body ->> '$.number' = ? AND {FINAL}"
        return isinstance(number, int) and 0 <= number < 2**63 and any(self._journal.rows(query, number))

    def __iter__(self) -> Iterator[int]:
        query = f"SELECT body ->> '$.number' FROM events WHERE kind = 'told' AND {FINAL}"
        return iter(sorted(number for (number,) in self._journal.rows(query)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def items(self) -> ItemsView[int, Proposal]:
        """Return numbers and proposals, read in one pass over the journal."""
        query = "SELECT body FROM events WHERE kind = 'asked' ORDER BY body ->> '$.proposal.number'"
        decoder, told = msgspec.json.Decoder(Asked), set(self)
        proposals = (decoder.decode(body).proposal for (body,) in self._journal.rows(query))
        return {each.number: each for each in proposals if each.number in told}.items()


class RecordedIndividuals(Mapping[int, Individual]):
    """The individuals that were told, by number, ascending; those read lately are kept."""

    def __init__(self, journal: JournalReader) -> None:
        """Take the journal, which must be open when anything is asked."""
        self._proposals = RecordedProposals(journal)
        self._read = lru_cache(maxsize=KEPT)(JournalPast(journal).individual)

    def __getitem__(self, number: int) -> Individual:
        return self._read(number)

    def __iter__(self) -> Iterator[int]:
        return iter(self._proposals)

    def __len__(self) -> int:
        return len(self._proposals)
