"""Grid: from a study's settings to its cells and the runs of each, in the order in which they are worked off.

Early looks are fair: all of one seed comes before any of the next, and tasks take turns.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from evo.errors import SettingsError
from experiments.settings import RunSettings, parse_settings
from experiments.study.currency import Currency
from experiments.study.settings import Mix, StudySettings

RUNS = "runs"
"""The axis, and the folder, of independent runs."""


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a cell.

    Attributes:
        mix, task, seed: of the cell.
        index: which of the cell's runs, from 0.
        settings: its own, resolved.
        path: of its folder within the study's.
    """

    mix: str
    task: str
    seed: int
    index: int
    settings: RunSettings
    path: str


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A mix on one task with one seed.

    Attributes:
        mix, task, seed: what it is.
        runs: that share its budget.
    """

    mix: str
    task: str
    seed: int
    runs: tuple[PlannedRun, ...]


def cells_of(study: StudySettings, environ: Mapping[str, str] | None = None) -> tuple[Cell, ...]:
    """Return the cells that are to be searched, seed by seed.

    Models that no settings name come from the environment, as for `kernevo run`.

    Raises:
        SettingsError: an empty grid, names that are not unique, a budget that cannot be shared, or settings
            that no run can have.
    """
    mixes = combined(study)
    searched = [mix for mix in mixes if not mix.folders]
    if not mixes or (searched and not (study.tasks and study.seed_numbers)):
        raise SettingsError(
            f"a study needs mixes or axes, tasks and seeds, got {len(mixes)} mixes, {len(study.tasks)} tasks "
            f"and {len(study.seed_numbers)} seeds"
        )
    _refuse_repeats("tasks", [_task_name(task) for task in study.tasks])
    _refuse_repeats("seeds", list(study.seed_numbers))
    templates = {
        (mix.name, task): _template(study, mix, task, environ) for mix in searched for task in study.tasks
    }
    return tuple(
        _cell(mix, task, seed, templates[mix.name, task])
        for seed in study.seed_numbers for mix in searched for task in study.tasks
    )  # fmt: skip


def in_order(cells: tuple[Cell, ...]) -> Iterator[PlannedRun]:
    """Yield the runs of all cells as they are to be worked off: seed by seed, tasks taking turns."""
    for _, rows in itertools.groupby(cells, key=lambda cell: (cell.seed, cell.mix)):
        for runs in itertools.zip_longest(*(cell.runs for cell in rows)):
            yield from (run for run in runs if run is not None)


def combined(study: StudySettings) -> tuple[Mix, ...]:
    """Return every mix in every combination of the axes.

    Raises:
        SettingsError: an axis without values, or names that are not unique.
    """
    empty = [name for name, values in study.axes.items() if not values]
    if empty:
        raise SettingsError(f"axes.{empty[0]} must have values, got none")
    mixes = study.mixes or ((Mix(),) if study.axes else ())
    every = tuple(
        _along(mix, dict(zip(study.axes, values, strict=True)), sole=not study.mixes)
        for mix in mixes for values in itertools.product(*study.axes.values())
    )  # fmt: skip
    _refuse_repeats("names of mixes", [slug(mix.name) for mix in every])
    return every


def slug(name: str) -> str:
    """Return a name as that of a folder."""
    return re.sub(r"[^\w.=+-]+", "_", name).strip("._") or "_"


def run_seed(seed: int, index: int) -> int:
    """Return the seed of a cell's run: the same for every mix and task, so that mixes share their luck."""
    digest = hashlib.sha256(f"kernevo study {seed} run {index}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def _along(mix: Mix, values: dict[str, Any], *, sole: bool) -> Mix:
    """Return a mix at one place of the axes."""
    if not values:
        return mix
    if mix.folders:
        raise SettingsError(f"mix {mix.name!r} has folders, along which no axis {next(iter(values))!r} runs")
    words = [f"{key.rpartition('.')[2].replace('_', ' ')} {_said(value)}" for key, value in values.items()]
    name = ", ".join(words if sole else [mix.name, *words])
    runs = values.pop(RUNS, mix.runs)
    if not isinstance(runs, int):
        raise SettingsError(f"axes.runs must be whole numbers, got {runs!r}")
    return Mix(name=name, runs=runs, settings=merged(mix.settings, spread(values)))


def _said(value: Any) -> str:
    """Return a value of an axis in words; tables by their names."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return "+".join(map(_said, value)) or "none"
    if isinstance(value, dict):
        return str(value.get("name") or ", ".join(f"{key} {_said(each)}" for key, each in value.items()))
    return str(value)


def spread(dotted: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings under dotted keys as nested tables."""
    nested: dict[str, Any] = {}
    for key, value in dotted.items():
        *tables, last = key.split(".")
        nested = merged(nested, _nest(tables, last, value))
    return nested


def _nest(tables: list[str], last: str, value: Any) -> dict[str, Any]:
    inner: dict[str, Any] = {last: spread(value) if isinstance(value, dict) else value}
    for table in reversed(tables):
        inner = {table: inner}
    return inner


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return two nested tables as one; where both say something, the second does."""
    both = dict(under)
    for key, value in over.items():
        former = both.get(key)
        if isinstance(former, dict) and isinstance(value, dict):
            value = merged(former, value)
        both[key] = value
    return both


def _template(study: StudySettings, mix: Mix, task: str, environ: Mapping[str, str] | None) -> RunSettings:
    """Return the settings of a mix's runs on a task, but for the seed."""
    written = merged(spread(study.base), spread(mix.settings))
    search = written.get("search", {})
    for key in ("seed", "budget"):
        if isinstance(search, dict) and key in search:
            raise SettingsError(f"search.{key} is the study's to set, got one in mix {mix.name!r} or base")
    if "task" in written:
        raise SettingsError(
            f"tasks are the study's to set, got {written['task']!r} in mix {mix.name!r} or base"
        )
    try:
        limits = study.budget.limits(mix.runs)
    except SettingsError as error:
        raise SettingsError(f"mix {mix.name!r}: {error}") from None
    own = {"task": task, "search": {"budget": limits, "seed": 0}, "tracking": {"enabled": False}}
    text = tomli_w.dumps(merged(merged({"tracking": {}}, written), own))
    settings = parse_settings(text, f"mix {mix.name!r}", (), environ)
    _refuse_idle_islands(study, mix, settings)
    return settings


def _refuse_idle_islands(study: StudySettings, mix: Mix, settings: RunSettings) -> None:
    """Refuse islands that a run's share does not reach, or that it has no places for."""
    search = settings.search
    if search.islands > search.population:
        raise SettingsError(
            f"mix {mix.name!r}: search.islands must be at most search.population ({search.population}), "
            f"got {search.islands}"
        )
    share = study.budget.share(mix.runs)
    if study.budget.currency is Currency.EVALUATIONS and search.islands > share:
        raise SettingsError(
            f"mix {mix.name!r}: search.islands must be at most the {share:g} evaluations of a run, "
            f"got {search.islands}"
        )


def _cell(mix: Mix, task: str, seed: int, template: RunSettings) -> Cell:
    name = _task_name(task)
    runs = tuple(
        PlannedRun(
            mix=mix.name, task=name, seed=seed, index=index,
            settings=msgspec.structs.replace(
                template, search=msgspec.structs.replace(template.search, seed=run_seed(seed, index))
            ),
            path=f"{RUNS}/{slug(mix.name)}/{slug(name)}-s{seed}-r{index}",
        )
        for index in range(mix.runs)
    )  # fmt: skip
    return Cell(mix=mix.name, task=name, seed=seed, runs=runs)


def _task_name(task: str) -> str:
    return Path(task).name


def _refuse_repeats(what: str, names: list[Any]) -> None:
    repeated = next((each for place, each in enumerate(names) if each in names[:place]), None)
    if repeated is not None:
        raise SettingsError(f"{what} must differ, got {repeated!r} twice")
