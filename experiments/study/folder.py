"""The folder of a study: its settings, its runs, what they share, and what came of them."""

from __future__ import annotations

from pathlib import Path

from evo.errors import RunFolderError, SettingsError
from experiments.run_folder import write_whole
from experiments.study.grid import combined
from experiments.study.settings import StudySettings, read_study

SETTINGS = "study.toml"
PAGE = "study.html"
RESULTS = "results"
PILOT = "pilot"
SIMULATED = "simulated"
STAYS = ("budget", "base", "cache")
"""Settings that stay as they are once runs were made by them; tasks, seeds and mixes may be added."""


def claim_study(folder: Path, study: StudySettings) -> None:
    """Take the folder for a study, or go on with the one in it.

    Raises:
        RunFolderError: the folder is in use for something else, or cannot be written.
        SettingsError: the study in it was begun with other settings.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = not (folder / SETTINGS).exists() and any(
            each.name not in (PILOT, SIMULATED) for each in folder.iterdir()
        )
    except OSError as error:
        raise RunFolderError(f"study folder {folder} cannot be made: {error.strerror}") from None
    if strange:
        raise RunFolderError(f"a new study needs an empty folder, {folder} holds something else")
    if (folder / SETTINGS).exists():
        _refuse_changes(read_study(folder / SETTINGS), study)
    write_whole(folder / SETTINGS, study.to_toml())


def _refuse_changes(before: StudySettings, after: StudySettings) -> None:
    for name in STAYS:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            raise SettingsError(
                f"a study goes on with what it began with, but {name} was {was!s}, got {now!s}"
            )
    former = {mix.name: mix for mix in combined(before)}
    for mix in combined(after):
        if mix.name in former and former[mix.name] != mix:
            raise SettingsError(f"a study goes on with what it began with, but mix {mix.name!r} has changed")
