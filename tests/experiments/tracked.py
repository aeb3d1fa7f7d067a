"""Runs to track, and what MLflow then holds of them."""

from __future__ import annotations

import atexit
import contextlib
import functools
import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from mlflow import MlflowClient

from evo.budget import Budget
from evo.events import Event
from evo.journal import Journal
from experiments.tracking import MlflowTracker
from experiments.tracking_points import Point
from experiments.tracking_projection import Projection, Writes
from experiments.tracking_recorded import Recorded
from experiments.tracking_settings import TrackedRun, TrackingSettings
from tests.evo.driving import drive
from tests.standins import DEVICE, SOURCE, search_settings, synthetic_engine, synthetic_task

PATIENCE = TrackingSettings(close_seconds=60.0)


@functools.cache
def _blank() -> Path:
    """Return a folder with a journal that holds nothing, for events that come from no journal."""
    folder = tempfile.TemporaryDirectory(prefix="kernevo-tests-")
    _KEPT.enter_context(folder)
    Journal.create(Path(folder.name) / "run.sqlite").close()
    return Path(folder.name)


_KEPT = contextlib.ExitStack()
"""Folders that are there until the tests end."""
atexit.register(_KEPT.close)


def tracked_run(name: str = "one", *, task: str = "synthetic", **changes: object) -> TrackedRun:
    fields: dict[str, object] = {
        "name": name,
        "task": msgspec.structs.replace(synthetic_task(), name=task),
        "device": DEVICE,
        "source": SOURCE,
        "seed": 7,
        "folder": _blank(),
        "settings": "task = 'synthetic'\n",
        "params": {"search.seed": "7", "task": "synthetic"},
        "version": "0.1.0",
    }
    return TrackedRun(**{**fields, **changes})  # type: ignore[arg-type]


def searched(evaluations: int = 23, seed: int = 7) -> list[Event]:
    """Return the events of a whole search."""
    return drive(synthetic_engine(search_settings(seed=seed, budget=Budget(evaluations=evaluations))))


def expected(events: Iterable[Event], run: TrackedRun | None = None) -> list[Writes]:
    """Return what a run is to hold for some events."""
    with contextlib.closing(Recorded((run or tracked_run()).journal)) as recorded:
        projection = Projection(recorded)
        return [projection.of(event) for event in events]


def expected_points(events: Iterable[Event], run: TrackedRun | None = None) -> set[Point]:
    return {point for writes in expected(events, run) for point in writes.points}


def expected_artifacts(events: Iterable[Event], run: TrackedRun) -> dict[str, str]:
    written = [artifact for writes in expected(events, run) for artifact in writes.artifacts]
    return {artifact.path: artifact.text for artifact in written} | {"settings.toml": run.settings}


def stored_points(uri: str, run_id: str) -> list[Point]:
    """Return every point MLflow holds, doubled ones as often as it holds them."""
    client = MlflowClient(tracking_uri=uri)
    keys = client.get_run(run_id).data.metrics
    histories = [client.get_metric_history(run_id, key) for key in keys]
    return [Point(each.key, each.step, each.value) for history in histories for each in history]


def stored_artifacts(uri: str, run_id: str, tmp_path: Path) -> dict[str, str]:
    client = MlflowClient(tracking_uri=uri)
    tmp_path.mkdir(exist_ok=True)
    root = Path(client.download_artifacts(run_id, "", str(tmp_path)))
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def tags_of(uri: str, run_id: str) -> Mapping[str, str]:
    return dict(MlflowClient(tracking_uri=uri).get_run(run_id).data.tags)


def status_of(uri: str, run_id: str) -> str:
    return str(MlflowClient(tracking_uri=uri).get_run(run_id).info.status)


class Tracked:
    """A tracker, and what it says of itself."""

    def __init__(
        self,
        uri: str,
        run: TrackedRun,
        run_id: str | None = None,
        settings: TrackingSettings = PATIENCE,
    ) -> None:
        self.run_id = run_id
        self.ids: list[str] = []
        self.callers: set[int] = set()
        self.warnings: list[str] = []
        self.warned = threading.Event()
        self.tracker = MlflowTracker(settings, uri, run, run_id, self._on_run_id, self._warn)

    def track(self, events: Iterable[Event]) -> str:
        """Record the events, close, and return the run's id."""
        for event in events:
            self.tracker.record(event)
        self.tracker.close()
        assert self.run_id is not None, self.warnings
        return self.run_id

    def _on_run_id(self, run_id: str) -> None:
        self.run_id = run_id
        self.ids.append(run_id)
        self.callers.add(threading.get_ident())

    def _warn(self, message: str) -> None:
        self.warnings.append(message)
        self.warned.set()
