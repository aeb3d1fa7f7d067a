"""Runs to track, and what MLflow then holds of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlflow import MlflowClient

from evo.budget import Budget
from evo.events import Event
from experiments.tracking import MlflowTracker
from experiments.tracking_projection import Artifact, Point, Projection, points
from experiments.tracking_settings import TrackedRun, TrackingSettings
from tests.evo.driving import drive
from tests.standins import DEVICE, SOURCE, search_settings, synthetic_engine

PATIENCE = TrackingSettings(close_seconds=60.0)


def tracked_run(name: str = "one", **changes: object) -> TrackedRun:
    fields: dict[str, object] = {
        "name": name,
        "task": "synthetic",
        "device": DEVICE,
        "source": SOURCE,
        "seed": 7,
        "folder": Path("/runs") / name,
        "settings": "task = 'synthetic'\n",
        "params": {"search.seed": "7", "task": "synthetic"},
        "version": "0.1.0",
    }
    return TrackedRun(**{**fields, **changes})  # type: ignore[arg-type]


def searched(evaluations: int = 23, seed: int = 7) -> list[Event]:
    """Return the events of a whole search."""
    return drive(synthetic_engine(search_settings(seed=seed, budget=Budget(evaluations=evaluations))))


def expected_points(events: Iterable[Event]) -> set[Point]:
    return {point for event in events for point in points(event)}


def expected_artifacts(events: Iterable[Event], run: TrackedRun) -> dict[str, str]:
    projection = Projection()
    written: list[Artifact] = [artifact for event in events for artifact in projection.of(event).artifacts]
    return {artifact.path: artifact.text for artifact in written} | {"settings.toml": run.settings}


def stored_points(uri: str, run_id: str) -> list[Point]:
    """Return every point MLflow holds, doubled ones as often as it holds them."""
    client = MlflowClient(tracking_uri=uri)
    keys = client.get_run(run_id).data.metrics
    histories = [client.get_metric_history(run_id, key) for key in keys]
    return [Point(each.key, each.step, each.value) for history in histories for each in history]


def stored_artifacts(uri: str, run_id: str, tmp_path: Path) -> dict[str, str]:
    client = MlflowClient(tracking_uri=uri)
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
