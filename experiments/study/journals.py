"""Journals: all runs of a study in one archive, small enough to be committed. Kernels are left out."""

from __future__ import annotations

import io
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

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
    """Write the journals of an archive into run folders below `folder`, and yield those."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
        names = tar.getnames()
    yield from sorted({(folder / name).parent for name in names})


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
