"""Settings of a study: TOML that says which runs are compared, and what all of them may spend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from evo.errors import SettingsError
from experiments.reading import read_text
from experiments.settings import in_words, without_none, written_in
from experiments.study.currency import Allowance
from experiments.tracking_settings import TrackingSettings


class Mix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to spend the budget.

    Attributes:
        name: what tables and figures call it.
        runs: independent runs that share the budget evenly, and of which the best kernel is taken.
        settings: of each of its runs, over those of the study's `base`.
        folders: run folders that are there already; then nothing is searched, and each is a cell of its own.

    Raises:
        SettingsError: no name, no runs, or folders together with what they make up for.
    """

    name: str = "all"
    runs: int = 1
    settings: dict[str, Any] = {}
    folders: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be searched or read."""
        if not self.name or not self.name.isprintable():
            raise SettingsError(f"mixes.name must be a name that can be printed, got {self.name!r}")
        if self.runs < 1:
            raise SettingsError(f"mixes.runs must be at least 1, got {self.runs}")
        if self.folders and (self.settings or self.runs > 1):
            raise SettingsError(f"mix {self.name!r} has folders, so neither settings nor runs of its own")


class StudySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a study. Its grid: every mix in every combination of the axes, on every task and seed.

    Attributes:
        name: of its folder, its page and its run in MLflow; by default the config's own.
        question: what it is to answer, in a sentence.
        tasks: names of tasks, or paths of task folders.
        seeds: each drives one search of every mix on every task, with the same luck for all as far as that
            goes; as a number, so many.
        budget: what each cell may spend.
        base: settings of all runs.
        mixes: ways to spend the budget.
        axes: values of settings by their dotted keys, or of `runs`; every combination of them is taken.
        baseline: the mix that all others are compared with; by default the first.
        thresholds: speed-ups of which the share of kernels that reach them is told (fast_p).
        cache: whether verdicts on kernels are shared by all runs; wall time is never counted with it.
        reports: whether each run gets a report.
        recorded: study folders, or archives of journals, that `--simulate` fits landscapes to; by default the
            study's own folder, or else the studies that are committed, on its device if there are any.
        tracking: where the study is shown in MLflow, if it is.

    Raises:
        SettingsError: thresholds that are no speed-ups.
    """

    name: str = ""
    question: str = ""
    tasks: tuple[str, ...] = ()
    seeds: int | tuple[int, ...] = 3
    budget: Allowance
    base: dict[str, Any] = {}
    mixes: tuple[Mix, ...] = ()
    axes: dict[str, tuple[Any, ...]] = {}
    baseline: str = ""
    thresholds: tuple[float, ...] = (1.0, 1.5, 2.0)
    cache: bool = True
    reports: bool = True
    recorded: tuple[str, ...] = ()
    tracking: TrackingSettings = TrackingSettings(enabled=False)

    def __post_init__(self) -> None:
        """Refuse thresholds that nothing could be held against."""
        if not all(each > 0 for each in self.thresholds):
            raise SettingsError(f"thresholds must be positive speed-ups, got {list(self.thresholds)}")

    @property
    def seed_numbers(self) -> tuple[int, ...]:
        """The seeds, one by one."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    def to_toml(self) -> str:
        """Return all settings, defaults too, as TOML that `read_study` takes."""
        return tomli_w.dumps(without_none(msgspec.to_builtins(self)))


def read_study(path: Path, changes: Iterable[str] = ()) -> StudySettings:
    """Return the settings in a TOML file, with `key=value` changes applied.

    Raises:
        SettingsError: no such file, no TOML, an unknown key, or a value that does not fit.
    """
    return parse_study(read_text(path, "study", SettingsError), f"study {path}", path.stem, changes)


def parse_study(text: str, what: str, name: str, changes: Iterable[str] = ()) -> StudySettings:
    """Return the settings in a TOML text, as `read_study`; messages call the text `what`.

    Raises:
        SettingsError: as `read_study`.
    """
    written = written_in(text, what, changes, StudySettings)
    try:
        settings = msgspec.convert(written, StudySettings)
    except msgspec.ValidationError as error:
        raise SettingsError(in_words(str(error), written, what)) from None
    return msgspec.structs.replace(settings, name=settings.name or name)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return in words which of the known names comes nearest to one that is not known."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(map(repr, names))}"
