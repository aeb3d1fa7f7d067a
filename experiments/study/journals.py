"""Journals: all runs of a study in one archive, small enough to be committed. Kernels are left out."""

from __future__ import annotations

import io
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from evo.errors import UsageError
from experiments.run_folder import JOURNAL, SETTINGS

ARCHIVE = "journals.tar.xz"


def pack(folder: Path, paths: Iterable[str], archive: Path) -> Path:
    """Write settings and journals of runs, these without blobs, as one archive; return its path.

    What is left is enough for traces: `trace_of` reads no kernels.
    """
    with (
        tempfile.TemporaryDirectory(prefix="kernevo-journals-") as scratch,
        tarfile.open(archive, "w:xz") as tar,
    ):
        for path in sorted(paths):
            slim = Path(scratch) / JOURNAL
            _slim(folder / path / JOURNAL, slim)
            _add(tar, f"{path}/{JOURNAL}", slim.read_bytes())
            _add(tar, f"{path}/{SETTINGS}", (folder / path / SETTINGS).read_bytes())
            slim.unlink()
    return archive


def unpack(archive: Path, folder: Path) -> Iterator[Path]:
    """Write the journals of an archive into run folders below `folder`, and yield those.

    Raises:
        UsageError: that is no archive, or it holds something else than files below its folder.
    """
    runs = set()
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path, content = folder / member.name, tar.extractfile(member) if member.isreg() else None
                if content is None or not path.resolve().is_relative_to(folder.resolve()):
                    raise UsageError(f"{archive} must hold plain files below its folder, got {member.name!r}")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
                runs.add(path.parent)
    except tarfile.TarError as error:
        raise UsageError(f"{archive} must be an archive of journals: {error}") from None
    yield from sorted(runs)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _slim(journal: Path, copy: Path) -> None:
    """Copy a journal without its blobs."""
    with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as db:
        db.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("DELETE FROM blobs")
        db.execute("VACUUM")
        db.execute("PRAGMA journal_mode=DELETE")
