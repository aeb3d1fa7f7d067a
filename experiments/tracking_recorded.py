"""Recorded: what a tracker reads in the journal beside the events, which tell of one individual at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from evo.candidate import Kernel, Spend
from evo.evaluation import Evaluation
from evo.journal import JournalReader
from evo.objective import Individual
from evo.past import FINAL, JournalPast
from evo.records import Called, SecondOpinion

_TOLD = "kind = 'told' AND body ->> '$.number' = ?"
_COST = "coalesce(body ->> '$.evaluation.cost.{}', 0.0)"
_SPEND = "coalesce(body ->> '$.spend.{}', 0)"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request of an operator that was answered.

    Attributes:
        seq: of its record in the journal.
        at: when the reply was kept, in seconds since the epoch.
        number, attempt: of the proposal that it was for.
        request: digest of the request.
        asked, answered: the bodies of both.
        spend: what was paid for it.
    """

    seq: int
    at: float
    number: int
    attempt: int
    request: str
    asked: bytes
    answered: bytes
    spend: Spend


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What a search has used, added up in the order of the journal.

    Attributes:
        seq: of the last record that counts.
        tokens, dollars: paid for the candidates that were told.
        gpu_seconds, cpu_seconds: of all their evaluations, those that were repeated included.
    """

    seq: int = 0
    tokens: int = 0
    dollars: float = 0.0
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0


class Recorded:
    """A journal, opened when it is first read and closed by whoever is done with it. Of one thread.

    What is asked about a candidate must have been told before; of others there is nothing.

    Raises:
        JournalError: the journal cannot be read; so does every method.
    """

    def __init__(self, path: Path) -> None:
        """Take the journal's file; it is not read yet."""
        self._path = path
        self._opened: JournalReader | None = None

    def close(self) -> None:
        """Close the file, if it was read."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def baseline(self) -> Evaluation | None:
        """The seed kernel's evaluation; None before it was told."""
        told = self._journal.told(0)
        return told[-1].evaluation if told else None

    @property
    def opinion(self) -> SecondOpinion | None:
        """The last second opinion on a best kernel; None if none was sought."""
        return self._journal.opinion()

    def kernel(self, number: int) -> Kernel | None:
        """Return a candidate's kernel; None if it has none."""
        told = self._journal.told(number)
        return self._journal.kernel(told[-1].kernel) if told and told[-1].kernel else None

    def staleness(self, number: int) -> int | None:
        """Return how many other candidates were told between a candidate's ask and its own tell."""
        asked, told = self._asked(number), self._told(number)
        if asked is None or told is None:
            return None
        query = f"SELECT count(*) FROM events WHERE seq > ? AND seq < ? AND kind = 'told' AND {FINAL}"
        [(count,)] = self._journal.rows(query, asked, told)
        return int(count)

    def told_before(self, number: int | None, count: int) -> list[Individual]:
        """Return so many of the individuals told last before this one, or of all, in order of their tells."""
        query = (
            "SELECT body ->> '$.number' FROM events "
            f"WHERE seq < ? AND kind = 'told' AND {FINAL} ORDER BY seq DESC LIMIT ?"
        )
        past = JournalPast(self._journal)
        end = self.end() + 1 if number is None else self._told(number) or 0
        rows = list(self._journal.rows(query, end, count))
        return [past.individual(each) for (each,) in reversed(rows)]

    def totals(self, numbers: Iterable[int], since: Totals) -> Totals:
        """Return what was used until all of these candidates were told, added to what was used before.

        Added up one record after the other, so that the sums are the same wherever they were interrupted.
        """
        end = max((self._told(number) or 0 for number in numbers), default=0)
        query = (
            f"SELECT {FINAL}, {_SPEND.format('tokens_in')} + {_SPEND.format('tokens_out')}, "
            f"{_SPEND.format('dollars')}, {_COST.format('gpu_seconds')}, {_COST.format('cpu_seconds')} "
            "FROM events WHERE seq > ? AND seq <= ? AND kind = 'told' ORDER BY seq"
        )
        tokens, dollars, gpu, cpu = since.tokens, since.dollars, since.gpu_seconds, since.cpu_seconds
        for final, paid_tokens, paid_dollars, gpu_seconds, cpu_seconds in self._journal.rows(
            query, since.seq, end
        ):
            if final:
                tokens, dollars = tokens + paid_tokens, dollars + paid_dollars
            gpu, cpu = gpu + gpu_seconds, cpu + cpu_seconds
        seq = max(end, since.seq)
        return Totals(seq=seq, tokens=tokens, dollars=dollars, gpu_seconds=gpu, cpu_seconds=cpu)

    def calls(self, number: int) -> list[Call]:
        """Return the calls that were made for a candidate, in order."""
        asked, told = self._asked(number), self._told(number)
        if asked is None or told is None:
            return []
        return [call for call in self._called(asked, told) if call.number == number]

    def end(self) -> int:
        """Return the place of the last record."""
        [(end,)] = self._journal.rows("SELECT coalesce(max(seq), 0) FROM events")
        return int(end)

    def calls_between(self, after: int, end: int) -> Iterator[Call]:
        """Yield the calls recorded after one place in the journal, up to another, in order."""
        yield from self._called(after, end)

    def _called(self, after: int, end: int) -> Iterator[Call]:
        query = "SELECT seq, at, body FROM events WHERE seq > ? AND seq <= ? AND kind = 'called' ORDER BY seq"
        for seq, at, body in self._journal.rows(query, after, end):
            record = msgspec.json.decode(body, type=Called)
            yield Call(
                seq=seq, at=at, number=record.number, attempt=record.attempt, request=record.request,
                asked=self._journal.blob(record.request), answered=self._journal.blob(record.reply),
                spend=record.spend,
            )  # fmt: skip

    def _asked(self, number: int) -> int | None:
        query = "SELECT seq FROM events WHERE kind = 'asked' AND body ->> '$.proposal.number' = ?"
        return next((int(seq) for (seq,) in self._journal.rows(query, number)), None)

    def _told(self, number: int) -> int | None:
        """Return the place of what was told last of a candidate."""
        query = f"SELECT max(seq) FROM events WHERE {_TOLD}"
        [(seq,)] = self._journal.rows(query, number)
        return None if seq is None else int(seq)

    @property
    def _journal(self) -> JournalReader:
        if self._opened is None:
            self._opened = JournalReader(self._path)
        return self._opened
