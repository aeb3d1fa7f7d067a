"""Imports: kernels that earlier runs made and with which a search begins, beside the task's seed kernel."""

from __future__ import annotations

import hashlib

import msgspec

from evo.candidate import Kernel, Origin
from evo.errors import RunFolderError
from evo.journal import JournalReader


class Import(msgspec.Struct, frozen=True):
    """A kernel to begin with, and where it was made."""

    kernel: Kernel
    origin: Origin


class Imported(msgspec.Struct, frozen=True):
    """An import as a run's identity holds it: the kernel by its digest, which the journal's blobs resolve."""

    kernel: str
    origin: Origin


def identity_of(journal: JournalReader) -> str:
    """Return what tells a run from all others: a digest of when and by whom its first session was opened.

    A copy of the run has the same.

    Raises:
        RunFolderError: no session of the run has begun.
    """
    query = "SELECT at, body FROM events WHERE kind = 'opened' ORDER BY seq LIMIT 1"
    for at, body in journal.rows(query):
        return hashlib.sha256(f"{at!r} {body}".encode()).hexdigest()
    raise RunFolderError(f"a run can be read once a session has begun, none has: {journal.path}")
