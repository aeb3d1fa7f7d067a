"""Tracking: a search as an MLflow run. Importing this imports MLflow, which takes seconds: import late.

Journal first: MLflow is a projection of the journal and its events, which `tracking_sync` can write again
at any time. What a run has already is not written again: a point with the same value, a file of the same path
and size, an elite's nested run that is finished, a call's trace. A point's time is when its event was
recorded; two stores are equal when their keys, steps and values are.

A run is RUNNING while a tracker is open, FINISHED once the search has stopped, FAILED if it could not go on,
and KILLED when the tracker was closed before that (interrupted). Resuming makes it RUNNING. Only `kill -9`
leaves it RUNNING.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from evo.errors import KernevoError
from evo.events import Event
from experiments.render_opinion import in_words
from experiments.tracking_elites import Elites
from experiments.tracking_exchange import trace
from experiments.tracking_members import SNAPSHOTS
from experiments.tracking_points import Artifact, Point
from experiments.tracking_projection import PREFIXES, Projection, Writes
from experiments.tracking_recorded import Recorded
from experiments.tracking_settings import (
    TrackedRun,
    TrackingFailure,
    TrackingSettings,
    cut,
    discreet,
    parts,
    reaching,
)
from experiments.tracking_store import VALUE_LENGTH, Store, StoredRun, dataset_digest
from experiments.tracking_writer import Timed, Writer

ENDINGS = frozenset({"stop_reason", "failure"})
"""Tags that say how a session ended; the next one takes them away."""

FOLDERS = ("", SNAPSHOTS, "elites")
"""Where a run's own files are."""

LARGEST_REPORT = 32 << 20
CALLS_AT_ONCE = 100


class MlflowTracker:
    """Shows a search in MLflow from a thread of its own; implements `evo.protocols.Tracker`.

    In an outage, or when too many events wait, it says so once and takes no more.
    """

    def __init__(
        self,
        settings: TrackingSettings,
        uri: str,
        run: TrackedRun,
        run_id: str | None,
        on_run_id: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Begin to track; returns at once, whatever state the store is in.

        Takes the store's URI (`settings.store`) and the id of the MLflow run of former sessions, if any. If
        that run is gone a new one is made. `on_run_id` hears of a new run's id, from within `record` or
        `close`, so in the caller's own thread; `warn` hears of an outage, from any thread.
        """
        self._seconds = settings.close_seconds
        sink = MlflowRun(uri, run, run_id, settings.elites)
        self._writer = Writer(sink, settings.queue, warn, on_run_id)

    @property
    def behind(self) -> bool:
        """Whether the store lacks events that were recorded."""
        return self._writer.behind

    def record(self, event: Event) -> None:
        """Take note of an event; returns at once and never raises for an outage."""
        self._writer.put(event)

    def close(self) -> None:
        """Write what still waits, for `settings.close_seconds` at most."""
        self._writer.close(self._seconds)


class MlflowRun:
    """The MLflow run of one search, written by one thread at a time. Methods raise TrackingFailure.

    Attributes:
        held: our own points that the run has.
        wrote: what was added to the store since the run was opened: `points`, `artifacts`, `runs`, `traces`.
    """

    def __init__(self, uri: str, run: TrackedRun, run_id: str | None, elites: int) -> None:
        """Name the run and say how many nested ones it may have; nothing is read or written before `open`."""
        self._uri = uri
        self._run = run
        self._wanted_id = run_id
        self._most = elites
        self._recorded = Recorded(run.journal)
        self._projection = Projection(self._recorded)
        self.held: set[Point] = set()
        self.wrote: Counter[str] = Counter()
        self._files: dict[str, int] = {}
        self._traces: set[str] = set()
        self._seen = 0
        self._at: float | None = None
        self._status = "KILLED"
        self._kept: Container[int] | None = None
        self._endings: frozenset[str] = frozenset()

    def open(self, *, live: bool = True) -> str | None:
        """Find the run, or make one if there is none; return its id if it is a new one.

        A `live` run is RUNNING from now on and has not ended; one that is written again stays as it was.
        """
        with reaching(self._uri):
            self._store = Store(self._uri)
            found = None if self._wanted_id is None else self._store.find(self._wanted_id)
            found = found or self._lost()
            if found is None:
                self._create()
                return self.id
            self._stored = found
            self.held = self._store.points(found, PREFIXES)
            self._files = self._store.sizes(found.id, FOLDERS)
            self._traces = self._store.traced(found)
            self._elites = Elites(self._store, found, self._most)
            if live:
                self._store.resume(found.id)
                self._stored = msgspec.structs.replace(found, status="RUNNING")
                self._end_no_more()
            self._describe()
        return None if self.id == self._wanted_id else self.id

    @property
    def id(self) -> str:
        """The run's id, once it is open."""
        return self._stored.id

    def keep(self, elites: Container[int]) -> None:
        """Have nested runs of these elites only, until the run is replaced too."""
        self._kept = elites
        with reaching(self._uri):
            self._elites.keep(elites)

    def write(self, batch: Sequence[Timed]) -> None:
        """Write what the events add, and the calls journalled by now; only what the run does not have."""
        with _reading():
            writes = [(at, self._projection.of(event)) for at, event in batch]
        self._trace()
        with reaching(self._uri):
            self._log(writes)
            self._write([artifact for _, write in writes for artifact in write.artifacts])
            for at, write in writes:
                self._show(at, write)
            tags = {key: value for _, write in writes for key, value in write.tags.items()}
            self._tag(tags)
        self._endings |= ENDINGS.intersection(tags)
        self._status = next((write.status for _, write in reversed(writes) if write.status), self._status)
        self._at = batch[-1][0] if batch else self._at

    def close(self) -> None:
        """End the run: FINISHED if the search has stopped, FAILED if it could not go on, else KILLED."""
        self._trace()
        with reaching(self._uri):
            self._attach_report()
            self._tell_opinion()
            self._end_no_more()
            if self._status != self._stored.status:
                self._store.end(self.id, self._status, self._at)
        self._recorded.close()

    def replace(self) -> str:
        """Delete the run with all that is nested in it, make an empty one and return its id."""
        with reaching(self._uri):
            self._elites.keep(())
            self._store.forget(self._stored, sorted(self._traces))
            self._store.delete(self.id)
            self._create()
        return self.id

    def _lost(self) -> StoredRun | None:
        """Return the run that was made for this search, but whose id never came to us; None if there is none.

        A server may be killed between its work and its answer, and we between its answer and the journal.
        MLflow's client, too, asks again for a run if the answer is lost: of several the oldest is ours.
        """
        found = self._identical(self._store.experiment(self._run.experiment))
        for other in found[1:]:
            self._store.delete(other.id)
        return found[0] if found else None

    def _identical(self, experiment: str) -> list[StoredRun]:
        return [] if self._run.identity is None else self._store.identical(experiment, self._run.identity)

    def _create(self) -> None:
        experiment = self._store.experiment(self._run.experiment)
        self._stored = self._store.create(experiment, self._run.name, self._run.tags)
        for other in self._identical(experiment):
            if other.id != self.id:
                self._store.delete(other.id)
        self.wrote["runs"] += 1
        self.held, self._files, self._traces = set(), {}, set()
        self._elites = Elites(self._store, self._stored, self._most)
        self._describe()

    def _describe(self) -> None:
        """Write settings, tags and input. MLflow keeps a param's first value; later ones become tags."""
        values = {key: cut(discreet(value), VALUE_LENGTH) for key, value in self._run.params.items()}
        has = self._stored.params
        added = {key: value for key, value in values.items() if key not in has}
        changed = {f"resumed.{key}": value for key, value in values.items() if has.get(key, value) != value}
        self._store.describe(self.id, added, {})
        if self._stored.tags.get("settings_digest") != self._run.tags["settings_digest"]:
            self._files.pop("settings.toml", None)  # an edit may leave the size as it was
        self._tag(self._run.tags | changed)
        self._write([Artifact("settings.toml", self._run.settings)])
        if dataset_digest(self._run.task) not in self._stored.datasets:
            self._store.use(self.id, self._run.task)

    def _end_no_more(self) -> None:
        """Take away the tags of endings that were not written since the run was opened."""
        for ending in ENDINGS.intersection(self._stored.tags) - self._endings:
            self._store.untag(self.id, ending)
            del self._stored.tags[ending]

    def _tag(self, tags: dict[str, str]) -> None:
        """Write the tags that the run does not have."""
        has = self._stored.tags
        values = {key: cut(discreet(value), VALUE_LENGTH) for key, value in tags.items()}
        self._store.describe(self.id, {}, {key: each for key, each in values.items() if has.get(key) != each})
        has |= values

    def _log(self, writes: Sequence[tuple[float, Writes]]) -> None:
        """Write the points that the run does not have yet."""
        fresh = []
        for at, write in writes:
            for point in write.points:
                if point not in self.held:
                    self.held.add(point)
                    fresh.append((at, point))
        self._store.log(self.id, fresh)
        self.wrote["points"] += len(fresh)

    def _write(self, artifacts: Sequence[Artifact]) -> None:
        """Write the files that the run does not have in this size."""
        sizes = {each.path: len(discreet(each.text).encode()) for each in artifacts}
        last = {each.path: each for each in artifacts}
        fresh = [each for path, each in last.items() if self._files.get(path) != sizes[path]]
        self._store.write(self.id, fresh)
        self._files |= {each.path: sizes[each.path] for each in fresh}
        self.wrote["artifacts"] += len(fresh)

    def _show(self, at: float, write: Writes) -> None:
        """Give an elite a nested run, and register the champion as a version of the task's model."""
        for each in (write.elite, write.champion):
            wanted = each is not None and (self._kept is None or each.number in self._kept)
            if each is not None and wanted and self._elites.show(each, at):
                self.wrote["runs"] += 1
        if write.champion is not None and self._elites.register(write.champion, self._run):
            self.wrote["models"] += 1

    def _trace(self) -> None:
        """Write the traces of the calls journalled since the last time."""
        with _reading():
            end = self._recorded.end()
            calls = list(self._recorded.calls_between(self._seen, end))
        for part in parts(calls, CALLS_AT_ONCE):
            traces = [trace(call, self.id) for call in part]
            fresh = [each for each in traces if each.id not in self._traces]
            with reaching(self._uri):
                self._store.trace(self._stored, fresh)
            self._traces |= {each.id for each in fresh}
            self.wrote["traces"] += len(fresh)
        self._seen = end

    def _tell_opinion(self) -> None:
        """Tag the run with the second opinion on its best kernel, if there is one."""
        with _reading():
            opinion = self._recorded.opinion
        if opinion is not None:
            self._tag({"second_opinion": in_words(opinion)})

    def _attach_report(self) -> None:
        """Write the run's report, if there is one by now."""
        report = self._run.report
        if report.is_file() and report.stat().st_size <= LARGEST_REPORT:
            self._write([Artifact(report.name, report.read_text(encoding="utf-8"))])


@contextmanager
def _reading() -> Iterator[None]:
    """Turn a journal's faults into TrackingFailure: the search itself will say what is wrong with it."""
    try:
        yield
    except KernevoError as error:
        raise TrackingFailure(str(error)) from error
