"""Whether MLflow shows exactly what a run's journal says: every point, generation and elite, once."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from evo.events import Event, GenerationEnded, Settled
from evo.journal import JournalReader
from evo.replay import recorded_engine, replay
from experiments.run_folder import JOURNAL
from experiments.tracking_elite import SOURCE, kernel_of
from experiments.tracking_elites import CANDIDATE, FINISHED
from experiments.tracking_points import Point
from experiments.tracking_projection import Projection, Writes
from experiments.tracking_recorded import Recorded
from experiments.tracking_store import LISTED_AT_ONCE, PARENT, connect
from experiments.watching import TRACKED


def differences(folder: Path, uri: str) -> dict[str, int]:
    """Return what a run's journal tells of, and how much of it MLflow lacks, has wrong or has too often."""
    with JournalReader(folder / JOURNAL) as journal:
        events = list(replay(journal, recorded_engine(journal)))
        shown = Shown(uri, journal.meta(TRACKED, str) or "")
    told = {
        "candidates": sum(isinstance(event, Settled) for event in events),
        "generations": sum(isinstance(event, GenerationEnded) for event in events),
        "elites": len(_elites(events)),
    }
    return told | shown.run_differences(folder, events) | shown.elite_differences(_elites(events))


class Shown:
    """What a tracking server shows of one run."""

    def __init__(self, uri: str, run_id: str) -> None:
        """Look up the run."""
        self._client = connect(uri)
        self._run = self._client.get_run(run_id)
        self._experiment = self._run.info.experiment_id

    def run_differences(self, folder: Path, events: Sequence[Event]) -> dict[str, int]:
        """Return what is wrong with the run's own points and files."""
        writes = _writes(folder, events)
        wanted = Counter(point for each in writes for point in each.points)
        due = {file.path: file.text for each in writes for file in each.artifacts}
        stored, files = self._points(), self._files(self._run.info.run_id)
        same_name = f"attributes.run_name = '{folder.name}'"
        return {
            "points": wanted.total(),
            "points_missing": (wanted - stored).total(),
            "points_too_many": (stored - wanted).total(),
            "files_missing": len(due.keys() - files.keys()),
            "files_wrong": sum(files[path] != text for path, text in due.items() if path in files),
            "runs_too_many": len(self._client.search_runs([self._experiment], same_name)) - 1,
            "not_finished": int(self._run.info.status != FINISHED),
        }

    def elite_differences(self, elites: Mapping[str, str]) -> dict[str, int]:
        """Return what is wrong with the elites' own runs, whose sources are given by candidate."""
        of_run = f"tags.`{PARENT}` = '{self._run.info.run_id}'"
        nested = self._client.search_runs([self._experiment], of_run, max_results=LISTED_AT_ONCE)
        stored = Counter(each.data.tags[CANDIDATE] for each in nested)
        wanted = Counter(elites.keys())
        right = sum(
            self._files(each.info.run_id).get(SOURCE) == elites.get(each.data.tags[CANDIDATE])
            and each.info.status == FINISHED
            for each in nested
        )
        return {
            "elites_missing": (wanted - stored).total(),
            "elites_too_many": (stored - wanted).total(),
            "elites_wrong": len(nested) - right,
        }

    def _points(self) -> Counter[Point]:
        run_id = self._run.info.run_id
        histories = (self._client.get_metric_history(run_id, key) for key in self._run.data.metrics)
        return Counter(Point(each.key, each.step, each.value) for history in histories for each in history)

    def _files(self, run_id: str) -> dict[str, str]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(self._client.download_artifacts(run_id, "", folder))
            found = (path for path in root.rglob("*") if path.is_file())
            return {str(path.relative_to(root)): path.read_text() for path in found}


def _elites(events: Sequence[Event]) -> dict[str, str]:
    """Return the sources of the elites by candidate."""
    settled = (event for event in events if isinstance(event, Settled) and event.elite)
    return {str(each.individual.number): kernel_of(each.individual).source for each in settled}


def _writes(folder: Path, events: Sequence[Event]) -> list[Writes]:
    with contextlib.closing(Recorded(folder / JOURNAL)) as recorded:
        projection = Projection(recorded)
        return [projection.of(event) for event in events]
