"""One session of a run: opens or goes on with a run folder, searches, and leaves the best kernel behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import msgspec

from evo.engine import Engine
from evo.errors import SettingsError
from evo.events import Paused
from evo.fold import TASK, fold, inscribe, recorded_imports
from evo.identity import IDENTITY, RunIdentity
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.protocols import Closing, Evaluator, Operator, Tracker
from evo.records import Opened
from evo.tables import is_blank
from evo.task import Task
from experiments.build import build_engine, evaluator_in, located
from experiments.interrupts import stopping
from experiments.run_folder import JOURNAL, SETTINGS, claim, write_best, write_whole
from experiments.second_opinion import seek
from experiments.settings import RunSettings, parse_settings
from experiments.suites.loader import load_task
from experiments.tally import Tally
from experiments.warm_start import imports_of
from fitness.rooms import open_rooms
from operators.llm.contract import Provider
from operators.llm.settings import REACHING, LlmSettings
from operators.settings import OperatorSettings


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An open run, folded and ready to go on.

    Attributes:
        folder: the run folder.
        settings: as resolved when the run began, with this session's changes.
        journal: open for writing; whoever opened the session closes it.
        engine: with the journal folded in.
        past: what former sessions saw, added up.
    """

    folder: Path
    settings: RunSettings
    journal: Journal
    engine: Engine
    past: Tally = msgspec.field(default_factory=Tally)


def fresh_engine(settings: RunSettings, provider: Provider | None = None) -> Engine:
    """Return the engine of a new run, with the kernels of the earlier runs that it begins with.

    Raises:
        UsageError: a task, settings or earlier runs that cannot be had.
    """
    task = load_task(settings.task)
    return build_engine(settings, task, imports_of(settings, task), provider)


def begin(folder: Path, settings: RunSettings, engine: Engine) -> Session:
    """Return the session of a new run in an empty folder.

    Raises:
        RunFolderError: a folder that cannot hold a run.
        JournalError: the journal cannot be written.
    """
    claim(folder, settings.to_toml())
    journal = _first_journal(folder, engine)
    return Session(folder=folder, settings=settings, journal=journal, engine=engine)


def go_on(folder: Path, settings: RunSettings, provider: Provider | None = None) -> Session:
    """Return the session of a run that was begun before.

    The run keeps the task that it began with, whatever became of the task's folder. A provider answers for
    its models in this session, whoever the settings name.

    Raises:
        UsageError: a run in use, or settings that differ in what must stay the same.
        JournalError: the journal does not fold.
    """
    if is_blank(folder / JOURNAL):  # killed before it was laid out
        engine = fresh_engine(settings, provider)
        journal = _first_journal(folder, engine)
        return Session(folder=folder, settings=settings, journal=journal, engine=engine)
    journal = Journal(folder / JOURNAL)
    try:
        _refuse_changes(journal, settings)
        engine = _engine_of(journal, settings, provider)
        past = Tally(fold(journal, engine))
        write_whole(folder / SETTINGS, settings.to_toml())
    except BaseException:
        journal.close()
        raise
    return Session(folder=folder, settings=settings, journal=journal, engine=engine, past=past)


async def search(session: Session, trackers: Sequence[Tracker]) -> str | Paused | None:
    """Search until the run stops and return why, or until all waits for replies; None if it was interrupted.

    Interrupt (Ctrl-C) and termination signals end the session in order, also while the rooms still start;
    whatever was in flight is owed.

    Raises:
        RunFailure: the seed kernel does not pass, the journal cannot be written, or a room failed.
    """
    work = asyncio.create_task(_search(session, trackers))
    with stopping(lambda: _cancel(work)):
        await asyncio.wait([work])
    reason = None if work.cancelled() else work.result()
    if session.engine.elite is not None:
        write_best(session.folder, session.engine.elite)
    return reason


def _cancel(work: asyncio.Task[str | Paused | None]) -> None:
    work.cancel()


async def conduct(
    session: Session, evaluator: Evaluator, trackers: Sequence[Tracker] = ()
) -> str | Paused | None:
    """Search with an evaluator that is open, until the run stops or all waits; operators are closed.

    Raises:
        RunFailure: as `search`.
    """
    async with _closing(session.engine.operators.values()):
        loop = Search(session.engine, evaluator, session.journal, trackers)
        return await loop.run(session.settings.to_toml())


async def _search(session: Session, trackers: Sequence[Tracker]) -> str | Paused | None:
    settings = session.settings
    anchor = session.engine.baseline
    located(settings.fitness)
    async with (
        open_rooms() as rooms,
        evaluator_in(rooms, settings.fitness, settings.search.seed, anchor) as evaluator,
    ):
        ending = await conduct(session, evaluator, trackers)
        if isinstance(ending, str):
            await seek(settings, session.engine, session.journal, rooms)
        return ending


@contextlib.asynccontextmanager
async def _closing(operators: Iterable[Operator]) -> AsyncIterator[None]:
    """Close what operators hold open, however the session ends."""
    try:
        yield
    finally:
        for operator in operators:
            if isinstance(operator, Closing):
                await operator.aclose()


def _first_journal(folder: Path, engine: Engine) -> Journal:
    """Return the journal of a run that has done nothing yet, and can be read from now on."""
    journal = Journal.create(folder / JOURNAL)
    try:
        inscribe(journal, engine)
    except BaseException:
        journal.close()
        raise
    return journal


def _engine_of(journal: JournalReader, settings: RunSettings, provider: Provider | None) -> Engine:
    """Return a fresh engine for a journal; what was inscribed there counts, wherever it came from."""
    task = journal.meta(TASK, Task)
    if task is None or journal.meta(IDENTITY, RunIdentity) is None:  # killed before it was inscribed
        return fresh_engine(settings, provider)
    return build_engine(settings, task, recorded_imports(journal), provider)


def _refuse_changes(journal: JournalReader, settings: RunSettings) -> None:
    """Refuse settings that would have asked for other candidates, and that the run's identity does not hold.

    Raises:
        SettingsError: another task, other earlier runs or other settings of operators than the first
            session of the run had.
    """
    opened = next((entry.record for entry in journal.entries() if isinstance(entry.record, Opened)), None)
    if opened is None:
        return
    begun = parse_settings(journal.blob(opened.settings).decode(), f"the settings in {journal.path}")
    pairs: list[tuple[str, object, object]] = [
        (name, getattr(begun, name), getattr(settings, name)) for name in ("task", "warm_start")
    ]
    before, after = _as_asked(begun.operators), _as_asked(settings.operators)
    pairs += [
        (f"operators.{name}", getattr(before, name), getattr(after, name)) for name in after.__struct_fields__
    ]
    for name, was, now in pairs:
        if was != now:
            raise SettingsError(f"a run goes on with what it began with, but {name} was {was!r}, got {now!r}")


def _as_asked(operators: OperatorSettings) -> OperatorSettings:
    """Return the settings without those that say how models are reached, which shape no request."""
    default = LlmSettings()
    reached = {name: getattr(default, name) for name in REACHING}
    return msgspec.structs.replace(operators, llm=msgspec.structs.replace(operators.llm, **reached))
