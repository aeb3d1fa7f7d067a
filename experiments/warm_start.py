"""Warm start: a run that begins with what earlier runs found, on whatever device and for whatever task.

Nothing is taken over but the kernels: the new run evaluates each anew, beside its own seed kernel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from evo.candidate import Origin
from evo.errors import UsageError
from evo.imports import Import, identity_of
from evo.journal import JournalReader
from evo.objective import Individual
from evo.past import JournalPast, RecordedProposals
from evo.replay import recorded_engine, replay
from evo.task import Task
from experiments.run_folder import JOURNAL, existing_run_folder
from experiments.settings import RunSettings
from fitness.policy import breach

ONE_CANDIDATE = re.compile(r"(?P<folder>.+):(?P<number>\d{1,4000})", re.ASCII | re.DOTALL)


def imports_of(settings: RunSettings, task: Task) -> tuple[Import, ...]:
    """Return the kernels that a new run begins with, each once, in the order in which they are named.

    Of a run as a whole, those of its last generation's survivors that passed are taken, best first, no more
    of them than the new run's population has places. Kernels that cannot be of the task are left out.

    Raises:
        UsageError: an earlier run that cannot be read, holds no such candidate, or has nothing that can be of
            the task.
    """
    imports: dict[str, Import] = {}
    for source in settings.warm_start:
        folder, number = named(source)
        existing_run_folder(folder, JOURNAL)
        with JournalReader(folder / JOURNAL) as journal:
            origins = _chosen(journal, folder, number, settings.search.population)
        for each in _fitting(origins, task):
            imports.setdefault(each.kernel.digest, each)
    return tuple(imports.values())


def named(source: str) -> tuple[Path, int | None]:
    """Return the run folder that `FOLDER` or `FOLDER:NUMBER` names, and the number if there is one.

    Raises:
        UsageError: nothing is named.
    """
    if not source:
        raise UsageError("a run to begin with must be a run folder, got an empty name")
    one = ONE_CANDIDATE.fullmatch(source)
    if one is None or Path(source).is_dir():
        return Path(source), None
    return Path(one["folder"]), int(one["number"])


def _chosen(journal: JournalReader, folder: Path, number: int | None, most: int) -> list[Import]:
    """Return what is taken of a run, in order.

    Raises:
        UsageError: nothing of it passed, or the one that is asked for is not there or did not.
    """
    individuals = _survivors(journal) if number is None else [_one(journal, folder, number)]
    passed = [each for each in individuals if each.evaluation.passed]
    if not passed:
        raise UsageError(f"a run to begin with must have a generation behind it, {folder} has none yet")
    identity, name = identity_of(journal), folder.absolute().resolve().name
    return [
        Import(each.candidate.kernel, Origin(run=name, identity=identity, number=each.number))
        for each in passed[:most]
        if each.candidate.kernel is not None
    ]


def _survivors(journal: JournalReader) -> Sequence[Individual]:
    engine = recorded_engine(journal)
    for _ in replay(journal, engine):
        pass
    return engine.population


def _one(journal: JournalReader, folder: Path, number: int) -> Individual:
    told = RecordedProposals(journal)
    if number not in told:
        raise UsageError(f"a candidate of {folder} must be one of its {len(told)}, got {number}")
    individual = JournalPast(journal).individual(number)
    if not individual.evaluation.passed:
        raise UsageError(
            f"a candidate to begin with must have PASSED, candidate {number} of {folder} is "
            f"{individual.evaluation.status}: {individual.evaluation.feedback}"
        )
    return individual


def _fitting(imports: Sequence[Import], task: Task) -> list[Import]:
    """Return those that can be kernels of the task; whether they are correct, its evaluator says.

    Raises:
        UsageError: none can.
    """
    breaches = [breach(each.kernel.source, task.entry_point) for each in imports]
    fitting = [each for each, broken in zip(imports, breaches, strict=True) if broken is None]
    broken = breaches[0]
    if not fitting and broken is not None:
        raise UsageError(
            f"a kernel to begin with must be one of task {task.name}, that of {imports[0].origin} is not: "
            f"{broken.feedback}"
        )
    return fitting
