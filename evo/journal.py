"""Journal: one SQLite file a run, append-only records and content-addressed blobs.

Write-ahead log. Whatever was committed survives `kill -9`. A power cut is another matter: a commit survives
it only once it is synced to the disk, which costs some milliseconds. Beginnings and ends of sessions are, and
so is a record that comes a tenth of a second or more after the last that was, with all before it: where
evaluations take seconds that is nearly every record, and where they take microseconds a power cut costs a
tenth of a second of them. Those are asked and evaluated again; a tracker may then hear of them twice.
"""

from __future__ import annotations

import hashlib
import math
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from evo.candidate import Kernel
from evo.errors import JournalError, JournalVersionError, RunFolderError
from evo.lock import FileLock
from evo.records import Called, Ended, Entry, Evaluated, Opened, Record, SecondOpinion
from evo.tables import LOOKUPS, SCHEMA, lay_out, plainly, require_file

T = TypeVar("T")


class JournalReader:
    """Reads a journal, also while a live process writes it. All reads raise as the constructor does.

    Attributes:
        path: the SQLite file.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal for reading.

        Raises:
            RunFolderError: no file, or one that holds no whole journal.
            JournalVersionError: a journal of another version.
            JournalError: the file cannot be read for another reason.
        """
        self.path = path
        require_file(path)
        with plainly(self.path):
            self._db = self._connect()
            try:
                self._check()
            except BaseException:
                self._db.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def entries(self) -> Iterator[Entry]:
        """Yield every record in its place, in order, reading as it goes."""
        decoder = msgspec.json.Decoder(Record)
        with plainly(self.path):
            for seq, at, body in self._db.execute("SELECT seq, at, body FROM events ORDER BY seq"):
                yield Entry(seq=seq, at=at, record=decoder.decode(body))

    def rows(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield what a query over the tables (`evo.tables`) finds, reading as it goes."""
        with plainly(self.path):
            yield from self._db.execute(query, values)

    def last(self) -> Entry | None:
        """Return the last record of the search itself, none of a session or beside it; None without one."""
        query = (
            "SELECT seq, at, body FROM events WHERE kind NOT IN ('opened', 'opinion') "
            "ORDER BY seq DESC LIMIT 1"
        )
        with plainly(self.path):
            row = self._db.execute(query).fetchone()
            return row and Entry(seq=row[0], at=row[1], record=msgspec.json.decode(row[2], type=Record))

    def asked(self) -> int:
        """Return how many proposals were asked."""
        with plainly(self.path):
            [count] = self._db.execute("SELECT count(*) FROM events WHERE kind = 'asked'").fetchone()
            return int(count)

    def told(self, number: int) -> list[Evaluated]:
        """Return what was told of a candidate, attempts ascending."""
        query = "SELECT body FROM events WHERE kind = 'told' AND body ->> '$.number' = ? ORDER BY seq"
        with plainly(self.path):
            rows = self._db.execute(query, (number,)).fetchall()
            return [msgspec.json.decode(body, type=Evaluated) for (body,) in rows]

    def called(self, number: int) -> list[Called]:
        """Return what was answered for a proposal, in order, whichever attempt it was for."""
        query = "SELECT body FROM events WHERE kind = 'called' AND body ->> '$.number' = ? ORDER BY seq"
        with plainly(self.path):
            rows = self._db.execute(query, (number,)).fetchall()
            return [msgspec.json.decode(body, type=Called) for (body,) in rows]

    def opinion(self) -> SecondOpinion | None:
        """Return the last second opinion on a best kernel; None if none was sought."""
        query = "SELECT body FROM events WHERE kind = 'opinion' ORDER BY seq DESC LIMIT 1"
        with plainly(self.path):
            row = self._db.execute(query).fetchone()
            return row and msgspec.json.decode(row[0], type=SecondOpinion)

    def active_seconds(self) -> float:
        """Return the seconds that sessions were active: from each one's opening to its last record."""
        edges = "SELECT seq, at FROM events WHERE kind = 'opened' ORDER BY seq"
        before = "SELECT at FROM events WHERE seq < ? ORDER BY seq DESC LIMIT 1"
        total = 0.0
        with plainly(self.path):
            opened = self._db.execute(edges).fetchall()
            ends = [seq for seq, _ in opened[1:]] + [2**63 - 1]
            for (_, start), end in zip(opened, ends, strict=False):
                total += self._db.execute(before, (end,)).fetchone()[0] - start
        return total

    def blob(self, digest: str) -> bytes:
        """Return the blob with this SHA-256, in hex.

        Raises:
            JournalError: there is none, or its content is not what its digest says.
        """
        with plainly(self.path):
            row = self._db.execute("SELECT data FROM blobs WHERE digest = ?", (digest,)).fetchone()
        if row is None or hashlib.sha256(row[0]).hexdigest() != digest:
            raise JournalError(f"a journal holds every blob it names, got none for {digest}: {self.path}")
        return bytes(row[0])

    def kernel(self, digest: str) -> Kernel:
        """Return the kernel with this digest.

        Raises:
            JournalError: as `blob`.
        """
        return Kernel(self.blob(digest).decode())

    def meta(self, key: str, kind: type[T]) -> T | None:
        """Return what was set under the key, read as `kind` (any type msgspec reads); None if nothing was."""
        with plainly(self.path):
            row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
            return None if row is None else msgspec.json.decode(row[0], type=kind)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)

    def _check(self) -> None:
        """Refuse a file that is no journal, or one of another version."""
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            raise RunFolderError(f"a run folder holds a journal, this file is none: {self.path}")
        version = self.meta("schema", int)
        if version != SCHEMA:
            raise JournalVersionError(f"journals must be of version {SCHEMA}, got {version}: {self.path}")


class Journal(JournalReader):
    """Writes a journal; at most one live process does.

    Attributes:
        unsynced_seconds: how long after a synced record others may come that are not.
    """

    unsynced_seconds = 0.1

    def __init__(self, path: Path) -> None:
        """Open the journal of a run to go on with it.

        Raises:
            RunFolderError: no file, one that holds no whole journal, or a run in use by a live process.
            JournalVersionError: a journal of another version.
        """
        require_file(path)
        self._clock = time.time() - time.monotonic()
        self._synced = -math.inf
        self._lock = FileLock(path.with_name(f"{path.name}.lock"))
        try:
            super().__init__(path)
        except BaseException:
            self._lock.release()
            raise

    @classmethod
    def create(cls, path: Path) -> Self:
        """Return the journal of a new run; its folder must exist.

        Raises:
            RunFolderError: the folder holds a journal already, is not writable or is in use.
            JournalError: the file cannot be written.
        """
        lock = FileLock(path.with_name(f"{path.name}.lock"))
        try:
            lay_out(path)
        finally:
            lock.release()
        return cls(path)

    def close(self) -> None:
        """Close the file and let other processes have the run."""
        super().close()
        self._lock.release()

    def append(self, record: Record, *blobs: bytes) -> None:
        """Append a record with the blobs that it names; on return it survives the end of this process.

        Raises:
            JournalError: it cannot be written (disk full, say) or was written before; nothing of it was.
        """
        kind = str(record.__struct_config__.tag)
        with self._writing(synced=isinstance(record, Opened | Ended)) as db:
            _keep(db, blobs)
            row = (self._clock + time.monotonic(), kind, msgspec.json.encode(record).decode())
            db.execute("INSERT INTO events(at, kind, body) VALUES (?, ?, ?)", row)

    def open_session(self, settings: str) -> None:
        """Append that this process begins to work on the run, with the resolved settings' text."""
        text = settings.encode()
        self.append(Opened(pid=os.getpid(), settings=hashlib.sha256(text).hexdigest()), text)

    def set_meta(self, key: str, value: object, *blobs: bytes) -> None:
        """Set what goes by the key, with the blobs that it names: any value that msgspec writes.

        `schema` is the journal's own.

        Raises:
            JournalError: it cannot be written.
        """
        if key == "schema":
            raise ValueError("the journal alone sets its schema, got the key 'schema'")
        with self._writing(synced=True) as db:
            _keep(db, blobs)
            row = (key, msgspec.json.encode(value).decode())
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None)

    def _check(self) -> None:
        super()._check()
        [verdict] = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise RunFolderError(f"a journal must be whole, got {verdict}: {self.path}")
        for lookup in LOOKUPS:
            self._db.execute(lookup)

    @contextmanager
    def _writing(self, *, synced: bool) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is written, or nothing; synced to the disk, at the latest when due."""
        now = time.monotonic()
        synced = synced or now - self._synced >= self.unsynced_seconds
        with plainly(self.path):
            self._db.execute(f"PRAGMA synchronous = {'FULL' if synced else 'NORMAL'}")
            with self._db as db:
                db.execute("BEGIN IMMEDIATE")
                yield db
        if synced:
            self._synced = now


def _keep(db: sqlite3.Connection, blobs: Iterable[bytes]) -> None:
    """Keep blobs under their digests, each once."""
    for blob in blobs:
        digest = hashlib.sha256(blob).hexdigest()
        db.execute("INSERT OR IGNORE INTO blobs VALUES (?, ?)", (digest, blob))
