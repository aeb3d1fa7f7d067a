"""Tracking: a search as an MLflow run. The one module that imports MLflow, which takes seconds: import late.

Journal first: MLflow is a projection of the events, which `tracking_sync` can write again at any time. A
point that a run has already, with the same value, is not written again. A point's time is when its event was
recorded; two stores are equal when their keys, steps and values are.

A run is RUNNING while a tracker is open, FINISHED once the search has stopped, FAILED if it could not go on,
and KILLED when the tracker was closed before that (interrupted). Resuming makes it RUNNING. Only `kill -9`
leaves it RUNNING.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.telemetry import set_telemetry_client

from evo.events import Event
from experiments.tracking_projection import PREFIXES, Point, Projection, Writes
from experiments.tracking_settings import (
    TrackedRun,
    TrackingSettings,
    cut,
    parts,
    reaching,
    sqlite_path,
)
from experiments.tracking_writer import Timed, Writer

ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What we want of MLflow that it takes from the environment alone; what the user set there stands."""

# An outage is ours to tell, once; what these write to the terminal beside it would break the live line.
LOUD = ("mlflow", "alembic", "urllib3.connectionpool")
ENDINGS = frozenset({"stop_reason", "failure"})
"""Tags that say how a session ended; the next one takes them away."""

METRICS_A_BATCH = 1000
OTHERS_A_BATCH = 100
VALUE_LENGTH = 6000


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
        sink = MlflowRun(uri, run, run_id)
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
    """

    def __init__(self, uri: str, run: TrackedRun, run_id: str | None) -> None:
        """Name the run; nothing is read or written before `open`."""
        self._uri = uri
        self._run = run
        self._id = run_id
        self._projection = Projection()
        self.held: set[Point] = set()
        self._status = "KILLED"

    def open(self) -> str | None:
        """Find the run, or make one if there is none; return its id if it is a new one."""
        with reaching(self._uri):
            self._client = connect(self._uri)
            found = None if self._id is None else _find(self._client, self._id)
            if found is None:
                self._id = self._create()
            else:
                self.held = _held(self._client, found)
                self._client.update_run(found.info.run_id, status="RUNNING")
                for ending in ENDINGS.intersection(found.data.tags):
                    self._client.delete_tag(found.info.run_id, ending)
            self._describe({} if found is None else found.data.params)
        return self.id if found is None else None

    @property
    def id(self) -> str:
        """The run's id, once it is open or was given one."""
        if self._id is None:
            raise ValueError(f"a run has an id once it is open, got none for {self._run.name!r}")
        return self._id

    def write(self, batch: Sequence[Timed]) -> None:
        """Write what the events add; of points only those that the run does not have."""
        writes = [(at, self._projection.of(event)) for at, event in batch]
        with reaching(self._uri):
            self._log(writes)
            for _, write in writes:
                for artifact in write.artifacts:
                    self._client.log_text(self.id, artifact.text, artifact.path)
            self._tag({key: value for _, write in writes for key, value in write.tags.items()})
        self._status = next((write.status for _, write in reversed(writes) if write.status), self._status)

    def close(self) -> None:
        """End the run: FINISHED if the search has stopped, FAILED if it could not go on, else KILLED."""
        with reaching(self._uri):
            self._client.set_terminated(self.id, self._status)

    def replace(self) -> str:
        """Delete the run (MLflow can still restore it), make an empty one and return its id."""
        with reaching(self._uri):
            self._client.delete_run(self.id)
            self._id, self.held = self._create(), set()
            self._describe({})
        return self.id

    def _create(self) -> str:
        experiment = _experiment(self._client, self._run.experiment, self._uri)
        created = self._client.create_run(experiment, run_name=self._run.name, tags=self._run.tags)
        return str(created.info.run_id)

    def _describe(self, params: Mapping[str, str]) -> None:
        """Write settings and tags. MLflow keeps the first value of a param; later ones become tags."""
        values = {key: cut(value, VALUE_LENGTH) for key, value in self._run.params.items()}
        added = [Param(key, value) for key, value in values.items() if key not in params]
        for part in parts(added, OTHERS_A_BATCH):
            self._client.log_batch(self.id, params=part)
        changed = {key: value for key, value in values.items() if params.get(key, value) != value}
        self._tag(self._run.tags | {f"resumed.{key}": value for key, value in changed.items()})
        self._client.log_text(self.id, self._run.settings, "settings.toml")

    def _tag(self, tags: Mapping[str, str]) -> None:
        for part in parts(
            [RunTag(key, cut(value, VALUE_LENGTH)) for key, value in tags.items()], OTHERS_A_BATCH
        ):
            self._client.log_batch(self.id, tags=part)

    def _log(self, writes: Sequence[tuple[float, Writes]]) -> None:
        """Write the points that the run does not have yet."""
        fresh = []
        for at, write in writes:
            for point in write.points:
                if point not in self.held:
                    self.held.add(point)
                    fresh.append(Metric(point.key, point.value, int(at * 1000), point.step))
        for part in parts(fresh, METRICS_A_BATCH):
            self._client.log_batch(self.id, metrics=part)


def connect(uri: str) -> MlflowClient:
    """Return a client of the store, which is made first if it is a SQLite file that is not there."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if "MLFLOW_DISABLE_TELEMETRY" not in os.environ:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        set_telemetry_client()  # type: ignore[no-untyped-call]
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    path = sqlite_path(uri)
    if path is not None and not path.exists():
        _make_database(path)
    return MlflowClient(tracking_uri=uri)


def _make_database(path: Path) -> None:
    """Make an empty store, whole or not at all, also when several processes begin at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return
        unfinished = path.with_name(f"{path.name}.new")
        unfinished.unlink(missing_ok=True)
        store = SqlAlchemyStore(f"sqlite:///{unfinished}", _artifacts(path))  # type: ignore[no-untyped-call]
        store.engine.dispose()
        unfinished.rename(path)


def _artifacts(database: Path) -> str:
    return (database.parent / "mlartifacts").as_uri()


def _experiment(client: MlflowClient, name: str, uri: str) -> str:
    """Return the id of the experiment with this name, which is made or restored if need be."""
    found = client.get_experiment_by_name(name)
    if found is None:
        path = sqlite_path(uri)
        try:
            return client.create_experiment(name, None if path is None else _artifacts(path))
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
            return _experiment(client, name, uri)
    if found.lifecycle_stage == LifecycleStage.DELETED:
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _find(client: MlflowClient, run_id: str) -> Run | None:
    """Return the run with this id; None if it is not there or deleted."""
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return None
    return None if run.info.lifecycle_stage == LifecycleStage.DELETED else run


def _held(client: MlflowClient, run: Run) -> set[Point]:
    """Return our own points that a run has; MLflow keeps all that were ever written."""
    keys = [key for key in run.data.metrics if key.startswith(PREFIXES)]
    histories = (client.get_metric_history(run.info.run_id, key) for key in keys)
    return {Point(metric.key, metric.step, metric.value) for history in histories for metric in history}
