"""The folder of a run: `settings.toml`, `run.sqlite`, `best.py`, `report.html`."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from evo.errors import RunFailure, RunFolderError
from evo.objective import Individual

JOURNAL = "run.sqlite"
SETTINGS = "settings.toml"
BEST = "best.py"
REPORT = "report.html"


def new_run_folder(path: Path) -> Path:
    """Make and return the folder of a new run.

    Raises:
        RunFolderError: it exists and is not an empty folder, or cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        occupied = any(path.iterdir())
    except OSError as error:
        raise RunFolderError(f"run folder {path} cannot be made: {error.strerror}") from None
    if occupied:
        raise RunFolderError(f"a new run needs an empty folder, {path} is not; use `kernevo resume {path}`")
    return path


def default_run_folder(task: str, now: datetime) -> Path:
    """Make and return `runs/<task>-<date>-<time>`, with a number behind it where that is taken.

    Two that ask at once get two folders.

    Raises:
        RunFolderError: it cannot be made.
    """
    stem = Path("runs") / f"{task}-{now:%Y%m%d-%H%M%S}"
    try:
        stem.parent.mkdir(exist_ok=True)
        for path in _numbered(stem):
            with contextlib.suppress(FileExistsError):
                path.mkdir()
                return path
    except OSError as error:
        raise RunFolderError(f"run folder {stem} cannot be made: {error.strerror}") from None
    raise AssertionError("numbers do not end")


def existing_run_folder(path: Path, *needed: str) -> Path:
    """Return the folder of a run, in which all `needed` files are.

    Raises:
        RunFolderError: there is none, or it holds no run.
    """
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise RunFolderError(f"a run folder must be a folder, {path} is {found}")
    for name in needed:
        if not (path / name).exists():
            raise RunFolderError(f"{path} is not a run folder: {name} is missing")
    return path


def claim(folder: Path, settings: str) -> None:
    """Write the settings of a new run; only one process can do so in one folder.

    Raises:
        RunFolderError: another process was first, or the folder is not writable.
    """
    path = folder / SETTINGS
    try:
        with _written(path.with_name(f".{SETTINGS}.{os.getpid()}"), settings) as whole:
            path.hardlink_to(whole)
    except FileExistsError:
        raise RunFolderError(f"a new run needs an empty folder, another run began in {folder}") from None
    except OSError as error:
        raise RunFolderError(f"a run folder must be writable, got {error.strerror}: {folder}") from None


def write_best(folder: Path, elite: Individual) -> Path:
    """Write the best kernel's source to `best.py`, whole or not at all, and return its path."""
    assert elite.candidate.kernel is not None
    return write_whole(folder / BEST, elite.candidate.kernel.source)


def write_whole(path: Path, text: str, *, shared: bool = False) -> Path:
    """Write a file so that readers see the old text or the new, never a part; return its path.

    One process at a time may: the one that holds the run. Of a `shared` file several may, and the last one's
    text stays; what a killed one left of it stays too.

    Raises:
        RunFailure: it cannot be written.
    """
    try:
        part = f".{path.name}.{os.getpid()}" if shared else f".{path.name}.new"
        with _written(path.with_name(part), text) as whole:
            whole.replace(path)
    except OSError as error:
        raise RunFailure(f"{path} cannot be written: {error.strerror}") from None
    return path


@contextlib.contextmanager
def _written(path: Path, text: str) -> Iterator[Path]:
    """Yield a file with the text, safe on the disk; it is gone afterwards, unless it was moved."""
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _numbered(stem: Path) -> Iterator[Path]:
    yield stem
    yield from (stem.with_name(f"{stem.name}-{number}") for number in itertools.count(2))
