"""Sync: writes a search's MLflow run again, from the events that its journal folds into."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import msgspec

from evo.events import Event, Settled
from evo.records import Entry, Evaluated
from experiments.tracking import MlflowRun
from experiments.tracking_points import Point
from experiments.tracking_projection import Projection
from experiments.tracking_recorded import Recorded
from experiments.tracking_settings import TrackedRun, TrackingSettings, parts
from experiments.tracking_writer import BATCH, Timed

ELITES = TrackingSettings().elites


class Synced(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did.

    Attributes:
        run_id: the MLflow run that now holds the search.
        points, artifacts, runs, traces: what the store lacked and now has: metric points, files of the run,
            runs (the search's own and its elites'), and calls of language models.
        replaced: whether the former run held points that the journal does not say, and was deleted.
    """

    run_id: str
    points: int = 0
    artifacts: int = 0
    runs: int = 0
    traces: int = 0
    replaced: bool = False


def sync(
    events: Iterable[Timed], uri: str, run: TrackedRun, run_id: str | None, elites: int = ELITES
) -> Synced:
    """Make the MLflow run hold exactly what the events and the journal say; a second time writes nothing.

    MLflow cannot take a point back. A run with a point that the events do not give (a generation that one
    budget had cut short and a larger one completed, say) is deleted and a new one written in its place. Tell
    the user of a new id, and keep it. Without a `Stopped` among the events the run ends up KILLED. Of the
    elites the last get nested runs, so many at most.

    Raises:
        TrackingFailure: the store does not answer; what was written stays, and the next sync goes on from it.
    """
    timed = list(events)
    target = MlflowRun(uri, run, run_id, elites)
    target.open(live=False)
    replaced = not target.held <= _wanted(timed, run)
    if replaced:
        target.replace()
    best = [event.individual.number for _, event in timed if isinstance(event, Settled) and event.elite]
    target.keep(frozenset(best[-elites:]))
    for batch in parts(timed, BATCH):
        target.write(batch)
    target.close()
    wrote = {name: target.wrote[name] for name in ("points", "artifacts", "runs", "traces")}
    return Synced(run_id=target.id, replaced=replaced, **wrote)


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


def _wanted(timed: Iterable[Timed], run: TrackedRun) -> set[Point]:
    """Return every point that the run should have."""
    with contextlib.closing(Recorded(run.journal)) as recorded:
        projection = Projection(recorded)
        return {point for _, event in timed for point in projection.of(event).points}
