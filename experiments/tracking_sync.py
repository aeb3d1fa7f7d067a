"""Sync: writes a search's MLflow run again, from the events that its journal folds into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from evo.events import Event, Settled
from evo.records import Entry, Evaluated
from experiments.tracking import MlflowRun
from experiments.tracking_projection import points
from experiments.tracking_settings import TrackedRun, parts
from experiments.tracking_writer import BATCH, Timed


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did.

    Attributes:
        run_id: the MLflow run that now holds the search.
        points: metric points that the run lacked and now has.
        replaced: whether the former run held points that the journal does not say, and was deleted.
    """

    run_id: str
    points: int
    replaced: bool


def sync(events: Iterable[Timed], uri: str, run: TrackedRun, run_id: str | None) -> Synced:
    """Make the MLflow run hold exactly what the events say; a second time writes no point.

    MLflow cannot take a point back. A run with a point that the events do not give (a generation that one
    budget had cut short and a larger one completed, say) is deleted and a new one written in its place. Tell
    the user of a new id, and keep it. Without a `Stopped` among the events the run ends up KILLED.

    Raises:
        TrackingFailure: the store does not answer; what was written stays, and the next sync goes on from it.
    """
    timed = list(events)
    wanted = {point for _, event in timed for point in points(event)}
    target = MlflowRun(uri, run, run_id)
    target.open()
    replaced = not target.held <= wanted
    if replaced:
        target.replace()
    lacking = len(wanted - target.held)
    for batch in parts(timed, BATCH):
        target.write(batch)
    target.close()
    return Synced(run_id=target.id, points=lacking, replaced=replaced)


def timed(events: Iterable[Event], entries: Iterable[Entry]) -> Iterator[Timed]:
    """Yield the events, each with the time at which the journal's entries say it came about.

    A settled individual takes the time its candidate was told at; whatever follows from several, the latest.
    """
    told = {entry.record.number: entry.at for entry in entries if isinstance(entry.record, Evaluated)}
    latest = min(told.values(), default=0.0)
    for event in events:
        at = told.get(event.individual.number, latest) if isinstance(event, Settled) else latest
        latest = max(latest, at)
        yield at, event
