"""Replay: a run read back from its journal alone, to be looked at; no operators, no evaluator, no folder."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from evo.budget import Budget
from evo.candidate import Proposal
from evo.engine import Engine
from evo.errors import RunFolderError
from evo.events import Event
from evo.fold import TASK, recorded_imports, unlimited
from evo.identity import IDENTITY, RunIdentity
from evo.islands import Islands
from evo.journal import JournalReader
from evo.objective import Individual
from evo.records import Asked, Ended
from evo.settings import Mode
from evo.task import Task


def recorded_task(journal: JournalReader) -> tuple[Task, RunIdentity]:
    """Return a run's task, and what it can be resumed with.

    Raises:
        RunFolderError: no session of the run has begun.
    """
    task, identity = journal.meta(TASK, Task), journal.meta(IDENTITY, RunIdentity)
    if task is None or identity is None:
        raise RunFolderError(f"a run can be read once a session has begun, none has: {journal.path}")
    return task, identity


def recorded_engine(journal: JournalReader) -> Engine:
    """Return a fresh engine that will ask what the journal says was asked; `replay` fills it.

    Raises:
        RunFolderError: no session of the run has begun.
    """
    task, identity = recorded_task(journal)
    asked = (entry.record.proposal for entry in journal.entries() if isinstance(entry.record, Asked))
    proposer = RecordedProposer({proposal.number: proposal for proposal in asked})
    return Engine(
        task, identity.settings(), {}, _NoChoice(), identity.source, identity.device, proposer,
        recorded_imports(journal),
    )  # fmt: skip


def replay(journal: JournalReader, engine: Engine) -> Iterator[Event]:
    """Fill a recorded engine from its journal, yielding what the search saw, as far as it came.

    Raises:
        JournalError: the journal does not fold.
    """
    yield from unlimited(journal, engine)
    last = journal.last()
    if last is not None and isinstance(last.record, Ended):
        stopped = engine.stop(last.record.reason)
        if engine.settings.mode is Mode.GENERATIONAL:
            yield from engine.limit(Budget(evaluations=max(engine.asked, 1)))
        yield from stopped


class RecordedProposer:
    """Draws what was asked in the past. Places that were never asked are held by proposals of no operator."""

    def __init__(self, proposals: Mapping[int, Proposal]) -> None:
        """Take the proposals by number."""
        self._proposals = proposals

    def draw(self, numbers: Sequence[int], generation: int, _islands: Islands, /) -> tuple[Proposal, ...]:
        """Return the proposals with these numbers; the islands were seen to when they were made."""
        return tuple(self._proposals.get(number, _unasked(number, generation)) for number in numbers)


class _NoChoice:
    """The portfolio of a search that chooses nothing."""

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        return rng.choice(names)

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        pass


def _unasked(number: int, generation: int) -> Proposal:
    return Proposal(number=number, operator="", parents=(), generation=generation, key=0)
