"""Lineage from MLflow alone: the snapshots of a run, for whoever has the server and not the run folder."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from evo.errors import UsageError
from experiments.tracking_members import SNAPSHOTS, Member, Snapshot
from experiments.tracking_settings import reaching, sqlite_path
from experiments.tracking_store import Store, StoredRun

_ID = re.compile(r"[0-9a-f]{32}")


def members(uri: str, run: str) -> Mapping[int, Member]:
    """Return all that a run in MLflow says was settled, by number, ascending.

    The run is named by its id, or by its name, which is its run folder's, where only one in the store has it.

    Raises:
        UsageError: no such run, several of one name, or one without snapshots that we can read.
        TrackingFailure: the store does not answer.
    """
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        raise UsageError(f"a store that is read must be there, {path} is not")
    with reaching(uri):
        store = Store(uri)
        byname = [] if _ID.fullmatch(run) else store.named(run)
        found = store.find(run) if _ID.fullmatch(run) else next(iter(byname), None)
        texts = [] if found is None or len(byname) > 1 else _texts(store, found)
    if len(byname) > 1:
        ids = ", ".join(each.id for each in byname)
        raise UsageError(f"a run must be the only one of its name in MLflow, {run} is {ids}")
    if found is None:
        raise UsageError(f"a run in MLflow is named by its id or its name, there is none called {run}")
    if not texts:
        raise UsageError(f"run {run} has no lineage in MLflow yet: no generation has ended")
    try:
        snapshots = [msgspec.json.decode(text, type=Snapshot) for text in texts]
    except msgspec.DecodeError as error:
        raise UsageError(f"run {run} must hold snapshots of generations, got {error}") from None
    settled = (member for snapshot in snapshots for member in snapshot.settled)
    return {member.number: member for member in sorted(settled, key=lambda each: each.number)}


def _texts(store: Store, run: StoredRun) -> list[bytes]:
    """Return the snapshots of a run, as they lie there."""
    if not store.sizes(run.id, [SNAPSHOTS]):
        return []
    with store.reading(run.id, SNAPSHOTS) as folder:
        return [path.read_bytes() for path in sorted(folder.glob("generation-*.json"))]
