"""The journal's tables, and its file's faults in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from evo.errors import JournalError, RunFolderError

SCHEMA = 1
"""Version of these tables and of the records in them; a journal of another version is refused."""

TABLES = (
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE blobs(digest TEXT PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE events(seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX sessions ON events(seq) WHERE kind = 'opened'",
    "CREATE UNIQUE INDEX asked_once ON events(body ->> '$.proposal.number') WHERE kind = 'asked'",
    "CREATE UNIQUE INDEX told_once ON events(body ->> '$.number', body ->> '$.attempt') WHERE kind = 'told'",
)

LOOKUPS = (
    "CREATE INDEX IF NOT EXISTS kernels ON events(substr(body ->> '$.kernel', 1, 16)) WHERE kind = 'told'",
    "CREATE INDEX IF NOT EXISTS syntaxes ON events(substr(body ->> '$.syntax', 1, 16)) WHERE kind = 'told'",
    "CREATE INDEX IF NOT EXISTS plans ON events(substr(body ->> '$.evaluation.plan_digest', 1, 16)) "
    "WHERE kind = 'told'",
    "CREATE UNIQUE INDEX IF NOT EXISTS called_once "
    "ON events(body ->> '$.number', body ->> '$.attempt', body ->> '$.request') WHERE kind = 'called'",
)
"""Indices that a journal may lack: it is read all the same, and gets them when it is next opened for writing.
Kernels, syntaxes and plans go by the first quarter of their digest: enough to find by."""


def require_file(path: Path) -> None:
    """Check that there is a file.

    Raises:
        RunFolderError: there is none.
    """
    if not path.is_file():
        raise RunFolderError(f"a run folder holds a journal, there is none: {path}")


def is_blank(path: Path) -> bool:
    """Return whether a journal was never laid out: no file, or one without tables, as `kill -9` may leave it.

    Raises:
        RunFolderError: the file is no SQLite file.
        JournalError: the file cannot be read.
    """
    if not path.is_file():
        return not path.exists()
    with plainly(path), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,))


def lay_out(path: Path) -> None:
    """Make the tables of a new journal, all or none.

    Raises:
        RunFolderError: the file holds something already.
        JournalError: the file cannot be written.
    """
    with plainly(path), closing(sqlite3.connect(path, isolation_level=None)) as db:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
            raise RunFolderError(f"a new run needs a folder without a journal, there is one: {path}")
        db.execute("PRAGMA journal_mode = WAL")
        with db:
            db.execute("BEGIN IMMEDIATE")
            for table in (*TABLES, *LOOKUPS):
                db.execute(table)
            db.execute("INSERT INTO meta VALUES ('schema', ?)", (str(SCHEMA),))


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Turn what SQLite and msgspec raise about the file into our own errors.

    Raises:
        RunFolderError: the file is no SQLite file, is truncated, or holds what cannot be decoded.
        JournalError: anything else: disk full, input or output errors, a record written twice.
    """
    try:
        yield
    except (sqlite3.Error, msgspec.DecodeError) as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise RunFolderError(f"a journal must be whole, got {error}: {path}") from error
        raise JournalError(f"a journal must be readable and writable, got {error}: {path}") from error
