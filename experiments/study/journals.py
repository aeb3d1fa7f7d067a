"""Journals: all runs of a study in one archive, small enough to be committed. Sources are left out."""

from __future__ import annotations

import io
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from experiments.run_folder import JOURNAL

ARCHIVE = "journals.tar.xz"


def pack(folder: Path, paths: Iterable[str], archive: Path) -> Path:
    """Write the journals of runs, without their blobs, as one archive; the same bytes for the same journals.

    What is left is enough for traces: `trace_of` reads no sources.
    """
    with (
        tempfile.TemporaryDirectory(prefix="kernevo-journals-") as scratch,
        tarfile.open(archive, "w:xz") as tar,
    ):
        for path in sorted(paths):
            slim = Path(scratch) / JOURNAL
            _slim(folder / path / JOURNAL, slim)
            content = slim.read_bytes()
            slim.unlink()
            member = tarfile.TarInfo(f"{path}/{JOURNAL}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive


def unpack(archive: Path, folder: Path) -> Iterator[Path]:
    """Write the journals of an archive into run folders below `folder`, and yield those."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
        for member in tar.getmembers():
            yield (folder / member.name).parent


def _slim(journal: Path, copy: Path) -> None:
    """Copy a journal without its blobs."""
    with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as db:
        db.execute("VACUUM INTO ?", (str(copy),))
    with closing(sqlite3.connect(copy, isolation_level=None)) as db:
        db.execute("DELETE FROM blobs")
        db.execute("VACUUM")
        db.execute("PRAGMA journal_mode=DELETE")
