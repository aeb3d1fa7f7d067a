"""Fold: from a journal back to the engine's state. Nothing is proposed or evaluated again."""

from __future__ import annotations

from collections.abc import Iterator

from evo.budget import Budget
from evo.candidate import Candidate, Proposal
from evo.chronicle import consult
from evo.engine import Engine
from evo.errors import JournalError, SettingsError
from evo.events import Event
from evo.identity import IDENTITY, RunIdentity
from evo.imports import Import
from evo.journal import Journal, JournalReader
from evo.past import JournalPast
from evo.records import Asked, Called, Evaluated, Pending

TASK = "task"
"""Key of the run's task in the journal's meta, from its first session on."""


def inscribe(journal: Journal, engine: Engine) -> None:
    """Write into a new journal what the run is: its task, its identity and the kernels that it imports.

    What was inscribed stays.

    Raises:
        JournalError: the journal cannot be written.
    """
    if journal.meta(IDENTITY, RunIdentity) is None:
        journal.set_meta(TASK, engine.task)
        sources = [each.kernel.source.encode() for each in engine.imports]
        journal.set_meta(IDENTITY, RunIdentity.of(engine), *sources)


def recorded_imports(journal: JournalReader) -> tuple[Import, ...]:
    """Return the kernels of earlier runs that a run began with, in order.

    Raises:
        JournalError: the journal cannot be read.
    """
    identity = journal.meta(IDENTITY, RunIdentity)
    imported = () if identity is None else identity.imported
    return tuple(Import(journal.kernel(each.kernel), each.origin) for each in imported)


def fold(journal: JournalReader, engine: Engine) -> Iterator[Event]:
    """Replay a journal into a fresh engine, yielding what the search saw, up to the engine's own budget.

    The budgets of former sessions do not matter: with a larger one the engine goes on, with a smaller one it
    ends as soon as what was asked is settled.

    Raises:
        ValueError: the engine is not fresh.
        SettingsError: the run was begun with another task, seed, set of operators or the like.
        JournalError: the journal does not fold into what this engine would have asked.
    """
    if engine.asked:
        raise ValueError(f"a journal folds into a fresh engine, got one that has asked {engine.asked}")
    identity = journal.meta(IDENTITY, RunIdentity)
    differences = identity.differences(RunIdentity.of(engine)) if identity is not None else []
    if differences:
        raise SettingsError(f"a run goes on with what it began with, but {'; '.join(differences)}")
    yield from unlimited(journal, engine)
    yield from engine.limit(engine.settings.budget)


def unlimited(journal: JournalReader, engine: Engine) -> Iterator[Event]:
    """Replay a journal into a fresh engine and leave it without a budget.

    Raises:
        JournalError: as `fold`.
    """
    engine.lean_on(JournalPast(journal))
    consult(engine, journal)
    yield from engine.limit(Budget())
    for entry in journal.entries():
        if isinstance(entry.record, Asked):
            _ask_again(entry.record.proposal, engine)
        elif isinstance(entry.record, Called):
            engine.charge(entry.record.number, entry.record.spend)
        elif isinstance(entry.record, Evaluated) and entry.record.final:
            yield from _tell_again(entry.record, journal, engine)


def pending(journal: JournalReader, engine: Engine) -> tuple[Pending, ...]:
    """Return, after the fold, the proposals whose candidates are owed; a timed-out one keeps its kernel."""
    owed = []
    for proposal in engine.pending:
        told = journal.told(proposal.number)
        candidate = _candidate(told[-1], proposal, journal) if told else None
        owed.append(Pending(proposal=proposal, attempt=len(told) + 1, candidate=candidate))
    return tuple(owed)


def _ask_again(proposal: Proposal, engine: Engine) -> None:
    asked = engine.ask()
    if asked != proposal:
        raise JournalError(
            f"the journal does not fold: this search asks {asked}, the journal holds {proposal}"
        )


def _tell_again(record: Evaluated, journal: JournalReader, engine: Engine) -> list[Event]:
    owed = [proposal for proposal in engine.pending if proposal.number == record.number]
    if not owed:
        raise JournalError(f"the journal does not fold: candidate {record.number} is told but was not asked")
    return engine.tell(_candidate(record, owed[0], journal), record.evaluation)


def _candidate(record: Evaluated, proposal: Proposal, journal: JournalReader) -> Candidate:
    kernel = None if record.kernel is None else journal.kernel(record.kernel)
    return record.candidate(proposal, kernel)
