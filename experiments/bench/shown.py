"""Whether MLflow shows exactly what a run's journal says: every point, generation and elite, once."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient

from evo.events import Event, GenerationEnded, Settled
from evo.journal import JournalReader
from evo.replay import recorded_engine, replay
from experiments.run_folder import JOURNAL
from experiments.tracking_projection import Point, Projection, points
from experiments.watching import TRACKED


def differences(folder: Path, uri: str) -> dict[str, int]:
    """Return how many points, files and runs MLflow lacks, or holds too many of; all 0 if it is right."""
    with JournalReader(folder / JOURNAL) as journal:
        run_id = journal.meta(TRACKED, str) or ""
        events = list(replay(journal, recorded_engine(journal)))
    client = MlflowClient(tracking_uri=uri)
    run = client.get_run(run_id)
    stored, wanted = _stored_points(client, run_id), _wanted_points(events)
    files, due = _stored_files(client, run_id), _wanted_files(events)
    same_name = f"attributes.run_name = '{folder.name}'"
    return {
        "points_missing": (wanted - stored).total(),
        "points_too_many": (stored - wanted).total(),
        "files_missing": len(due.keys() - files.keys()),
        "files_wrong": sum(files[path] != text for path, text in due.items() if path in files),
        "runs_too_many": len(client.search_runs([run.info.experiment_id], same_name)) - 1,
        "not_finished": int(run.info.status != "FINISHED"),
    }


def contents(folder: Path) -> dict[str, int]:
    """Return how many candidates, generations and elites a run's journal tells."""
    with JournalReader(folder / JOURNAL) as journal:
        events = list(replay(journal, recorded_engine(journal)))
    return {
        "candidates": sum(isinstance(event, Settled) for event in events),
        "generations": sum(isinstance(event, GenerationEnded) for event in events),
        "elites": sum(isinstance(event, Settled) and event.elite for event in events),
    }


def _wanted_points(events: Sequence[Event]) -> Counter[Point]:
    return Counter(point for event in events for point in points(event))


def _wanted_files(events: Sequence[Event]) -> dict[str, str]:
    projection = Projection()
    return {file.path: file.text for event in events for file in projection.of(event).artifacts}


def _stored_points(client: MlflowClient, run_id: str) -> Counter[Point]:
    keys = client.get_run(run_id).data.metrics
    histories = (client.get_metric_history(run_id, key) for key in keys)
    return Counter(Point(each.key, each.step, each.value) for history in histories for each in history)


def _stored_files(client: MlflowClient, run_id: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(client.download_artifacts(run_id, "", folder))
        return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
