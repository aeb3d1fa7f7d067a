"""Descent: a run's lineage as commands tell it, on through the runs that its first kernels came from."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from evo.candidate import Origin, Proposal
from evo.credit import credits_of
from evo.errors import KernevoError, UsageError
from evo.imports import identity_of
from evo.journal import JournalReader
from evo.lineage import Lineage
from evo.objective import Individual
from evo.past import RecordedIndividuals, RecordedProposals
from evo.replay import recorded_task
from experiments.run_folder import JOURNAL, SETTINGS, existing_run_folder
from experiments.settings import read_settings
from experiments.warm_start import named


class Descent(msgspec.Struct, frozen=True, kw_only=True):
    """Who came from whom in a run, read from wherever that is recorded.

    Attributes:
        run: the run's name.
        title: its task, and where all figures come from.
        elite: number of its best candidate.
        proposals, individuals: of all candidates that were told, by number; each is read when asked for.
    """

    run: str
    title: str
    elite: int
    proposals: Mapping[int, Proposal]
    individuals: Mapping[int, Individual]

    def line(self, number: int) -> tuple[int, ...]:
        """Return the way to a candidate along first parents.

        Raises:
            UsageError: it is none of the run's.
        """
        return Lineage(self.proposals).line(number)

    def origin(self, number: int) -> Origin | None:
        """Return where the first kernel on the way to a candidate was imported from, if it was."""
        return self.individuals[self.line(number)[0]].candidate.origin


class DiffSize(msgspec.Struct, frozen=True):
    """How many lines a change added and removed; a line that was changed counts as both."""

    added: int
    removed: int

    def __str__(self) -> str:
        """Return it as `+3 -1`."""
        return f"+{self.added} -{self.removed}"


def diff_size(before: str, after: str) -> DiffSize:
    """Return the size of the change from one source to another, both taken line by line."""
    old, new = before.splitlines(), after.splitlines()
    blocks = difflib.SequenceMatcher(None, old, new).get_matching_blocks()
    same = sum(block.size for block in blocks)
    return DiffSize(added=len(new) - same, removed=len(old) - same)


def change_of(individuals: Mapping[int, Individual], number: int) -> DiffSize | None:
    """Return how far a candidate's kernel is from that of its first parent; None unless both have one."""
    candidate = individuals[number].candidate
    parents = candidate.proposal.parents
    parent = individuals[parents[0]].candidate.kernel if parents else None
    if parent is None or candidate.kernel is None:
        return None
    return diff_size(parent.source, candidate.kernel.source)


def recorded_descent(folder: Path, journal: JournalReader) -> Descent:
    """Return the descent that a run's journal tells; nothing is folded. The journal must stay open.

    Raises:
        UsageError: nothing is evaluated yet.
    """
    task, identity = recorded_task(journal)
    proposals, elite = RecordedProposals(journal), credits_of(journal).elite
    if elite is None or 0 not in proposals:
        raise UsageError(f"run {folder} has no lineage yet: nothing is evaluated")
    return Descent(
        run=folder.absolute().name,
        title=f"{task.name} on {identity.device} ({identity.source})",
        elite=elite,
        proposals=proposals,
        individuals=RecordedIndividuals(journal),
    )


@contextlib.contextmanager
def earlier(folder: Path, origin: Origin | None) -> Iterator[list[tuple[Descent, int]]]:
    """Yield the runs that an origin leads to, the nearest first, each with the candidate that went on.

    A run is looked for where `folder` says it began with it, and beside `folder` under its name. The way ends
    at a run that is found in neither place.
    """
    found: list[tuple[Descent, int]] = []
    seen: set[str] = set()
    with contextlib.ExitStack() as stack:
        while origin is not None and origin.identity not in seen:
            seen.add(origin.identity)
            place = next((each for each in _places(folder, origin) if _is_run(each, origin.identity)), None)
            if place is None:
                break
            journal = stack.enter_context(JournalReader(place / JOURNAL))
            descent = recorded_descent(place, journal)
            if origin.number not in descent.proposals:
                break
            found.append((descent, origin.number))
            folder, origin = place, descent.origin(origin.number)
        yield found


def _places(folder: Path, origin: Origin) -> Iterator[Path]:
    """Yield the folders in which the run of an origin may be."""
    with contextlib.suppress(KernevoError):
        yield from (named(each)[0] for each in read_settings(folder / SETTINGS).warm_start)
    yield folder.absolute().parent / origin.run


def _is_run(folder: Path, identity: str) -> bool:
    """Return whether a folder is that of the run with this identity."""
    try:
        existing_run_folder(folder, JOURNAL)
        with JournalReader(folder / JOURNAL) as journal:
            return identity_of(journal) == identity
    except KernevoError:
        return False
