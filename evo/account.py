"""Account: where a run stands, from the journal's tables; nothing is folded."""

from __future__ import annotations

import msgspec

from evo.candidate import FREE, Spend
from evo.identity import LineageDigest
from evo.journal import JournalReader
from evo.past import FINAL
from evo.records import Asked, Called, Ended, Evaluated
from evo.repeats import Repeats
from evo.replay import recorded_task
from evo.settings import Mode


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands.

    Attributes:
        asked, told: proposals asked, and candidates of which the final evaluation is there.
        settled: those of them that took their place; in generational mode, others wait for the barrier.
        generation: the generation under way, 0 until the founders are settled.
        stopped: why the search stopped; None while it goes on, or if it was interrupted.
        spend: what was paid, replies included whose candidate is still owed.
    """

    asked: int
    told: int
    settled: int
    generation: int
    stopped: str | None
    spend: Spend


def account_of(journal: JournalReader) -> Account:
    """Return where a run stands.

    Raises:
        RunFolderError: no session of the run has begun.
        JournalError: the journal cannot be read.
    """
    _, identity = recorded_task(journal)
    asked = journal.asked()
    [(told,)] = journal.rows(f"SELECT count(*) FROM events WHERE kind = 'told' AND {FINAL}")
    last = journal.last()
    stopped = last.record.reason if last is not None and isinstance(last.record, Ended) else None
    founders = 1 + len(identity.imported)
    generation, beyond = 0, told
    if told >= founders:
        generation, beyond = divmod(told - founders, identity.offspring)
        generation += 1
    steady = identity.mode is Mode.STEADY
    if stopped is not None and beyond and (steady or asked == told):
        generation, beyond = generation + 1, 0
    settled = told if steady else told - beyond
    return Account(
        asked=asked, told=told, settled=settled, generation=generation, stopped=stopped,
        spend=_paid(journal),
    )  # fmt: skip


def recorded_digest(journal: JournalReader, settled: int) -> str:
    """Return the digest of a run's lineage, of so many candidates that are settled.

    Raises:
        JournalError: the journal cannot be read.
    """
    _, identity = recorded_task(journal)
    order, among = "seq", ""
    if identity.mode is Mode.GENERATIONAL:
        order, among = "body ->> '$.number'", f"AND body ->> '$.number' < {settled}"
    asked, evaluated = msgspec.json.Decoder(Asked), msgspec.json.Decoder(Evaluated)
    rows = journal.rows("SELECT body FROM events WHERE kind = 'asked' ORDER BY seq")
    proposals = {each.number: each for each in (asked.decode(body).proposal for (body,) in rows)}
    repeats, digest = Repeats(), LineageDigest()
    query = f"SELECT body FROM events WHERE kind = 'told' AND {FINAL} {among} ORDER BY {order}"
    for (body,) in journal.rows(query):
        told = evaluated.decode(body)
        evaluation = repeats.settle_told(told.number, told.kernel, told.syntax, told.evaluation)
        digest.take(proposals[told.number], told.kernel, evaluation)
    return digest.hexdigest()


def _paid(journal: JournalReader) -> Spend:
    """Return what was paid for the candidates that were told, and for replies to those that are owed."""
    told = f"SELECT body FROM events WHERE kind = 'told' AND {FINAL} AND body ->> '$.spend' IS NOT NULL"
    owed = (
        "SELECT body FROM events AS call WHERE kind = 'called' AND NOT EXISTS (SELECT 1 FROM events "
        f"WHERE kind = 'told' AND body ->> '$.number' = call.body ->> '$.number' AND {FINAL})"
    )
    evaluated, called = msgspec.json.Decoder(Evaluated), msgspec.json.Decoder(Called)
    paid = sum((evaluated.decode(body).spend for (body,) in journal.rows(told)), start=FREE)
    return sum((called.decode(body).spend for (body,) in journal.rows(owed)), start=paid)
