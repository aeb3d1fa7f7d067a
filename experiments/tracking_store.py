"""Store: what we ask of MLflow. The one module that imports MLflow, which takes seconds: import late.

Everything that is text goes through `discreet` on its way out. Methods raise whatever MLflow, its transport
and its artifact stores raise; `experiments.tracking_settings.reaching` makes one line of that.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    LifecycleStage,
    Metric,
    Param,
    Run,
    RunTag,
    Span,
)
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    BAD_REQUEST,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.telemetry import set_telemetry_client
from mlflow.tracing.client import TracingClient

from evo.task import Task
from experiments.tracking_exchange import Trace, encoded
from experiments.tracking_points import Artifact, Point
from experiments.tracking_settings import IDENTITY, cut, discreet, parts, sqlite_path

ENVIRONMENT = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""What we want of MLflow that it takes from the environment alone; what the user set there stands."""

# An outage is ours to tell, once; what these write to the terminal beside it would break the live line.
LOUD = ("mlflow", "alembic", "urllib3.connectionpool")

METRICS_A_BATCH = 1000
OTHERS_A_BATCH = 100
TRACES_A_BATCH = 20
LISTED_AT_ONCE = 1000
TRACES_LISTED_AT_ONCE = 500
VALUE_LENGTH = 6000
PARENT = "mlflow.parentRunId"


class StoredRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the store has it.

    Attributes:
        id, experiment: ids of both.
        name: the run's.
        status: MLflow's word for it.
        began: milliseconds since the epoch.
        tags, params: all of them.
        metrics: keys of all metrics.
        datasets: digests of its inputs.
    """

    id: str
    experiment: str
    name: str
    status: str
    began: int
    tags: dict[str, str]
    params: dict[str, str]
    metrics: frozenset[str]
    datasets: frozenset[str]

    @classmethod
    def of(cls, run: Run) -> StoredRun:
        """Return MLflow's run as ours."""
        inputs = () if run.inputs is None else run.inputs.dataset_inputs
        return cls(
            id=run.info.run_id, experiment=run.info.experiment_id, name=run.info.run_name or "",
            status=run.info.status, began=run.info.start_time or 0, tags=dict(run.data.tags),
            params=dict(run.data.params), metrics=frozenset(run.data.metrics),
            datasets=frozenset(each.dataset.digest for each in inputs),
        )  # fmt: skip


class Store:
    """A tracking store; used by one thread at a time."""

    def __init__(self, uri: str) -> None:
        """Connect; a SQLite file that is not there is made first."""
        self._uri = uri
        self._client = connect(uri)
        self._traces = TracingClient(uri)

    def find(self, run_id: str) -> StoredRun | None:
        """Return the run with this id; None if it is not there or deleted."""
        try:
            run = self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            return None
        return None if run.info.lifecycle_stage == LifecycleStage.DELETED else StoredRun.of(run)

    def named(self, name: str) -> list[StoredRun]:
        """Return the runs with this name that are no elites, of all experiments."""
        quote = '"' if "'" in name else "'"
        experiments = [each.experiment_id for each in self._client.search_experiments()]
        found = self._search(experiments, f"attributes.run_name = {quote}{name}{quote}")
        return [run for run in found if PARENT not in run.tags]

    def nested(self, run: StoredRun) -> list[StoredRun]:
        """Return the runs nested in a run, the oldest first."""
        found = self._search([run.experiment], f"tags.`{PARENT}` = '{run.id}'")
        return sorted(found, key=lambda each: (each.began, each.id))

    def identical(self, experiment: str, identity: str) -> list[StoredRun]:
        """Return the runs of an experiment that bear this identity, the oldest first."""
        found = self._search([experiment], f"tags.`{IDENTITY}` = '{identity}'")
        return sorted(found, key=lambda each: (each.began, each.id))

    def experiment(self, name: str) -> str:
        """Return the id of the experiment with this name, which is made or restored if need be."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            path = sqlite_path(self._uri)
            try:
                return self._client.create_experiment(name, None if path is None else _artifacts(path))
            except MlflowException as error:
                if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                    raise
                return self.experiment(name)
        if found.lifecycle_stage == LifecycleStage.DELETED:
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def create(
        self, experiment: str, name: str, tags: Mapping[str, str], began: float | None = None
    ) -> StoredRun:
        """Make a run, begun now or at the seconds given."""
        start = None if began is None else int(began * 1000)
        return StoredRun.of(self._client.create_run(experiment, start, _clean(tags), discreet(name)))

    def resume(self, run_id: str) -> None:
        """Say that a run is under way."""
        self._client.update_run(run_id, status="RUNNING")

    def end(self, run_id: str, status: str, at: float | None = None) -> None:
        """Say how a run ended, now or at the seconds given."""
        self._client.set_terminated(run_id, status, None if at is None else int(at * 1000))

    def delete(self, run_id: str) -> None:
        """Delete a run; MLflow can still restore it."""
        self._client.delete_run(run_id)

    def points(self, run: StoredRun, prefixes: tuple[str, ...]) -> set[Point]:
        """Return a run's points whose keys begin so; MLflow keeps all that were ever written."""
        keys = [key for key in run.metrics if key.startswith(prefixes)]
        histories = (self._client.get_metric_history(run.id, key) for key in keys)
        return {Point(metric.key, metric.step, metric.value) for history in histories for metric in history}

    def log(self, run_id: str, points: Sequence[tuple[float, Point]]) -> None:
        """Write points, each with its time in seconds since the epoch."""
        metrics = [Metric(point.key, point.value, int(at * 1000), point.step) for at, point in points]
        for part in parts(metrics, METRICS_A_BATCH):
            self._client.log_batch(run_id, metrics=part)

    def describe(self, run_id: str, params: Mapping[str, str], tags: Mapping[str, str]) -> None:
        """Write params, which nobody can change later, and tags."""
        for settings in parts([Param(*each) for each in _clean(params).items()], OTHERS_A_BATCH):
            self._client.log_batch(run_id, params=settings)
        for labels in parts([RunTag(*each) for each in _clean(tags).items()], OTHERS_A_BATCH):
            self._client.log_batch(run_id, tags=labels)

    def untag(self, run_id: str, tag: str) -> None:
        """Take a tag away."""
        self._client.delete_tag(run_id, tag)

    def sizes(self, run_id: str, folders: Sequence[str]) -> dict[str, int]:
        """Return the bytes of the files that lie in these folders of a run, by path; "" is the topmost."""
        listed = (each for folder in folders for each in self._client.list_artifacts(run_id, folder or None))
        return {each.path: each.file_size or 0 for each in listed if not each.is_dir}

    def write(self, run_id: str, artifacts: Sequence[Artifact]) -> None:
        """Write files, in the place of those with the same path."""
        if not artifacts:
            return
        with tempfile.TemporaryDirectory(prefix="kernevo-artifacts-") as folder:
            for each in artifacts:
                path = Path(folder) / each.path
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(discreet(each.text), encoding="utf-8", newline="\n")
            self._client.log_artifacts(run_id, folder)

    @contextlib.contextmanager
    def reading(self, run_id: str, folder: str) -> Iterator[Path]:
        """Yield a copy of a folder of a run's files; it is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="kernevo-artifacts-") as copy:
            yield Path(self._client.download_artifacts(run_id, folder, copy))

    def traced(self, run: StoredRun) -> set[str]:
        """Return the ids of the traces that are linked to a run."""
        found: set[str] = set()
        token = None
        while True:
            page = self._client.search_traces(
                locations=[run.experiment], run_id=run.id, max_results=TRACES_LISTED_AT_ONCE,
                page_token=token, include_spans=False,
            )  # fmt: skip
            found |= {each.info.trace_id.removeprefix("tr-") for each in page}
            token = page.token
            if not token:
                return found

    def trace(self, run: StoredRun, traces: Sequence[Trace]) -> None:
        """Write traces and link them to a run; one that is there is written over."""
        for part in parts(traces, TRACES_A_BATCH):
            self._traces.log_spans(run.experiment, [_span(each) for each in part])
            self.link(run.id, [each.id for each in part])

    def link(self, run_id: str, traces: Sequence[str]) -> None:
        """Link traces to a run, which may have them already."""
        for part in parts([f"tr-{each}" for each in traces], OTHERS_A_BATCH):
            self._client.link_traces_to_run(list(part), run_id)

    def forget(self, run: StoredRun, traces: Sequence[str]) -> None:
        """Delete traces."""
        for part in parts([f"tr-{each}" for each in traces], OTHERS_A_BATCH):
            self._client.delete_traces(run.experiment, trace_ids=list(part))

    def use(self, run_id: str, task: Task) -> None:
        """Say which suite of workloads a run's kernels are evaluated on, as its input.

        A server that has not seen the suite refuses all but one of those who tell it at once.
        """
        inputs = [DatasetInput(_dataset(task))]
        try:
            self._client.log_inputs(run_id, inputs)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(BAD_REQUEST):
                raise
            self._client.log_inputs(run_id, inputs)

    def registered(self, run_id: str) -> bool:
        """Return whether a model version comes from a run."""
        return bool(self._client.search_model_versions(f"run_id = '{run_id}'"))

    def register(self, model: str, run: StoredRun, source: str, tags: Mapping[str, str]) -> None:
        """Register a file of a run as a new version of a model, which is made if need be."""
        try:
            self._client.create_registered_model(model)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
        root = self._client.get_run(run.id).info.artifact_uri
        self._client.create_model_version(
            model, f"{root}/{source}", run.id, _clean(tags), await_creation_for=0
        )

    def _search(self, experiments: list[str], query: str) -> list[StoredRun]:
        found: list[StoredRun] = []
        token = None
        while True:
            page = self._client.search_runs(experiments, query, max_results=LISTED_AT_ONCE, page_token=token)
            found += map(StoredRun.of, page)
            token = page.token
            if not token:
                return found


def dataset_digest(task: Task) -> str:
    """Return what tells a task's suite of workloads from others: its digest, as much as MLflow keeps."""
    return task.digest[:36]


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


def _clean(values: Mapping[str, str]) -> dict[str, str]:
    return {key: cut(discreet(value), VALUE_LENGTH) for key, value in values.items()}


def _span(trace: Trace) -> Span:
    """Return the one span of a trace."""
    code = "STATUS_CODE_ERROR" if trace.failure else "STATUS_CODE_OK"
    return Span.from_dict({
        "name": trace.name,
        "trace_id": _as_bytes(trace.id),
        "span_id": _as_bytes(trace.id[:16]),
        "parent_span_id": None,
        "start_time_unix_nano": trace.began,
        "end_time_unix_nano": trace.ended,
        "status": {"code": code, "message": discreet(trace.failure)},
        "attributes": {name: discreet(value) for name, value in encoded(trace).items()},
    })  # fmt: skip


def _as_bytes(digits: str) -> str:
    """Return hex digits as MLflow takes ids: the bytes in base64."""
    return base64.b64encode(bytes.fromhex(digits)).decode()


def _dataset(task: Task) -> Dataset:
    columns = [
        {"name": each.name, "type": f"{each.role} {each.dtype} {each.sizes}"} for each in task.workloads
    ]
    source = {"task": task.name, "digest": task.digest, "instruction": task.instruction}
    profile = {"workloads": len(task.workloads), "level": task.level}
    return Dataset(
        name=task.name, digest=dataset_digest(task), source_type="kernevo",
        source=_json(source), schema=_json({"mlflow_colspec": columns}), profile=_json(profile),
    )  # fmt: skip


def _json(value: object) -> str:
    return discreet(msgspec.json.encode(value).decode())
