"""Laying out: a study's grid with all that could keep its cells from being compared refused beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from evo.errors import SettingsError, UsageError
from evo.journal import JournalReader
from evo.replay import recorded_task
from experiments.build import Place, located
from experiments.run_folder import JOURNAL, existing_run_folder
from experiments.session import fresh_engine
from experiments.study.currency import Allowance, Currency
from experiments.study.gathered import Searched, refuse_missing, searched, within
from experiments.study.grid import Cell, cells_of, combined
from experiments.study.runner import ended
from experiments.study.settings import Mix, StudySettings, nearest
from experiments.study.trace import trace_of
from experiments.suites.loader import load_task
from fitness.settings import FitnessSettings


class Grid(msgspec.Struct, frozen=True, kw_only=True):
    """What a study compares.

    Attributes:
        cells: to be searched, seed by seed.
        given: cells that are there already.
        fitness: where the latencies of all cells that are searched come from; None if none is.
        place: the same, found.
        levels: of difficulty, by task.
    """

    cells: tuple[Cell, ...]
    given: tuple[Searched, ...]
    fitness: FitnessSettings | None
    place: Place | None
    levels: dict[str, int]

    @property
    def asks_models(self) -> bool:
        """Whether any run asks a language model."""
        return any(cell.runs[0].settings.operators.llm.models for cell in self.cells)

    @property
    def has_gpu(self) -> bool:
        """Whether runs are measured."""
        return self.place is not None and bool(self.place.gpus)

    @property
    def where(self) -> str:
        """Device and source, in words."""
        if self.place is None:
            return "nothing is searched"
        return f"{self.place.source} on {self.place.label}"


def laid_out(study: StudySettings, environ: Mapping[str, str] | None = None) -> Grid:
    """Return the grid; nothing is spent.

    Raises:
        UsageError: an empty grid, shares that are not even, runs that are missing, devices or sources that
            differ, a baseline that is no mix, or settings that no run can have.
    """
    mixes, cells = combined(study), cells_of(study, environ)
    names = [mix.name for mix in mixes]
    if study.baseline and study.baseline not in names:
        raise SettingsError(
            f"baseline must be a mix, got {study.baseline!r}; {nearest(study.baseline, names)}"
        )
    levels = {cell.task: load_task(cell.runs[0].settings.task).level for cell in cells}
    given = [each for mix in mixes for each in _given(mix, study.budget, levels)]
    planned = [(cell.mix, cell.task, cell.seed) for cell in cells]
    refuse_missing([*planned, *((each.mix, each.task, each.seed) for each in given)])
    place = _one_place(cells, given)
    _refuse_differing_fitness(cells)
    _refuse_endless(study, cells, place)
    for mix in mixes:
        first = next((cell for cell in cells if cell.mix == mix.name), None)
        if first is not None:
            fresh_engine(first.runs[0].settings)
    return Grid(
        cells=cells, given=tuple(given), levels=levels, place=place,
        fitness=cells[0].runs[0].settings.fitness if cells else None,
    )  # fmt: skip


def through(grid: Grid, folder: Path) -> Grid:
    """Return the grid of an early look: the seeds of which all runs have ended."""
    left = {cell.seed for cell in grid.cells for run in cell.runs if not ended(folder / run.path)}
    return msgspec.structs.replace(grid, cells=tuple(cell for cell in grid.cells if cell.seed not in left))


def _given(mix: Mix, budget: Allowance, levels: dict[str, int]) -> list[Searched]:
    """Return the cells of a mix of folders, and note the levels of their tasks."""
    cells = []
    for name in mix.folders:
        folder = existing_run_folder(Path(name), JOURNAL)
        with JournalReader(folder / JOURNAL) as journal:
            task, trace = recorded_task(journal)[0], trace_of(journal, mix.name)
        levels[task.name] = task.level
        cut = within(trace, budget, 1)
        if len(searched(cut)) == len(searched(trace)) and not ended(folder):
            raise UsageError(
                f"mix {mix.name!r}: run {folder} must have spent {budget}, it stopped in the middle; "
                f"`kernevo resume {folder}` goes on"
            )
        cells.append(
            Searched(mix=mix.name, task=task.name, seed=trace.seed, traces=(cut,), paths=(str(folder),))
        )
    return cells


def _one_place(cells: tuple[Cell, ...], given: list[Searched]) -> Place | None:
    """Return where all latencies come from.

    Raises:
        UsageError: they come from more than one device or source.
    """
    places = {}
    for cell in cells:
        fitness = cell.runs[0].settings.fitness
        if (fitness.target, fitness.device) not in places:
            places[fitness.target, fitness.device] = located(fitness)
    labels = dict.fromkeys(f"{place.label} ({place.source})" for place in places.values())
    labels |= dict.fromkeys(f"{trace.device} ({trace.source})" for each in given for trace in each.traces)
    if len(labels) > 1:
        raise UsageError(f"a study compares runs on one device from one source, got {', '.join(labels)}")
    return next(iter(places.values()), None)


def _refuse_endless(study: StudySettings, cells: tuple[Cell, ...], place: Place | None) -> None:
    """Refuse a currency that a cell would never spend, and so never end."""
    currency = study.budget.currency
    if currency is Currency.GPU_SECONDS and place is not None and not place.gpus:
        raise SettingsError(f"a budget of GPU seconds needs a GPU that measures, {place.label} is a model")
    if currency in (Currency.LLM_CALLS, Currency.TOKENS, Currency.DOLLARS):
        for cell in cells:
            if not cell.runs[0].settings.operators.llm.models:
                raise SettingsError(
                    f"a budget of {currency.noun} needs models to spend it on, mix {cell.mix!r} has none"
                )


def _refuse_differing_fitness(cells: tuple[Cell, ...]) -> None:
    for cell in cells:
        if cell.runs[0].settings.fitness != cells[0].runs[0].settings.fitness:
            raise SettingsError(
                f"fitness must be the same for all mixes, or they could not be compared: {cell.mix!r} "
                f"differs from {cells[0].mix!r}"
            )
