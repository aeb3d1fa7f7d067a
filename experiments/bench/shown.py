"""Whether MLflow shows exactly what a run's journal says: every point, generation and elite, once."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mlflow import MlflowClient

from evo.events import Event, GenerationEnded, Settled
from evo.journal import JournalReader
from evo.replay import recorded_engine, replay
from experiments.run_folder import JOURNAL
from experiments.tracking_elite import SOURCE, kernel_of
from experiments.tracking_elites import CANDIDATE, FINISHED
from experiments.tracking_points import Point
from experiments.tracking_projection import Projection, Writes
from experiments.tracking_recorded import Recorded
from experiments.tracking_store import LISTED_AT_ONCE, PARENT
from experiments.watching import TRACKED


def differences(folder: Path, uri: str) -> dict[str, int]:
    """Return what a run's journal tells of, and how much of it MLflow lacks, has wrong or has too often."""
    events, client = _events(folder), MlflowClient(tracking_uri=uri)
    with JournalReader(folder / JOURNAL) as journal:
        run_id = journal.meta(TRACKED, str) or ""
    run = client.get_run(run_id)
    writes = _writes(folder, events)
    wanted = Counter(point for each in writes for point in each.points)
    due = {file.path: file.text for each in writes for file in each.artifacts}
    stored, files = _stored_points(client, run_id), _stored_files(client, run_id)
    same_name = f"attributes.run_name = '{folder.name}'"
    return {
        "candidates": sum(isinstance(event, Settled) for event in events),
        "generations": sum(isinstance(event, GenerationEnded) for event in events),
        "points": wanted.total(),
        "elites": len(_elites(events)),
        "points_missing": (wanted - stored).total(),
        "points_too_many": (stored - wanted).total(),
        "files_missing": len(due.keys() - files.keys()),
        "files_wrong": sum(files[path] != text for path, text in due.items() if path in files),
        "runs_too_many": len(client.search_runs([run.info.experiment_id], same_name)) - 1,
        "not_finished": int(run.info.status != FINISHED),
        **_nested_differences(client, run_id, run.info.experiment_id, _elites(events)),
    }


def _nested_differences(
    client: MlflowClient, run_id: str, experiment: str, elites: dict[str, str]
) -> dict[str, int]:
    """Return what is wrong with the elites' own runs, whose sources are given by candidate."""
    of_run = f"tags.`{PARENT}` = '{run_id}'"
    nested = client.search_runs([experiment], of_run, max_results=LISTED_AT_ONCE)
    stored = Counter(each.data.tags[CANDIDATE] for each in nested)
    right = 0
    for each in nested:
        source = _stored_files(client, each.info.run_id).get(SOURCE)
        right += source == elites.get(each.data.tags[CANDIDATE]) and each.info.status == FINISHED
    return {
        "elites_missing": (Counter(elites.keys()) - stored).total(),
        "elites_too_many": (stored - Counter(elites.keys())).total(),
        "elites_wrong": len(nested) - right,
    }


def _events(folder: Path) -> list[Event]:
    with JournalReader(folder / JOURNAL) as journal:
        return list(replay(journal, recorded_engine(journal)))


def _elites(events: Sequence[Event]) -> dict[str, str]:
    """Return the sources of the elites by candidate."""
    settled = (event for event in events if isinstance(event, Settled) and event.elite)
    return {str(each.individual.number): kernel_of(each.individual).source for each in settled}


def _writes(folder: Path, events: Sequence[Event]) -> list[Writes]:
    with contextlib.closing(Recorded(folder / JOURNAL)) as recorded:
        projection = Projection(recorded)
        return [projection.of(event) for event in events]


def _stored_points(client: MlflowClient, run_id: str) -> Counter[Point]:
    keys = client.get_run(run_id).data.metrics
    histories = (client.get_metric_history(run_id, key) for key in keys)
    return Counter(Point(each.key, each.step, each.value) for history in histories for each in history)


def _stored_files(client: MlflowClient, run_id: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(client.download_artifacts(run_id, "", folder))
        return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
