"""MLflow written again from the journal."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient

from evo.budget import Budget
from evo.events import Event, Settled, Stopped
from evo.fold import fold
from evo.journal import Journal, JournalReader
from experiments.tracking_settings import TrackingFailure
from experiments.tracking_sync import Synced, sync, timed
from experiments.tracking_writer import Timed
from tests.evo.driving import session
from tests.experiments.tracked import (
    PATIENCE,
    Tracked,
    expected_artifacts,
    expected_points,
    searched,
    status_of,
    stored_artifacts,
    stored_points,
    tracked_run,
)
from tests.standins import search_settings, synthetic_engine


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return PATIENCE.store(tmp_path_factory.mktemp("runs"), {})


def at_once(events: list[Event]) -> list[Timed]:
    return [(1_700_000_000.0, event) for event in events]


def journalled(path: Path, evaluations: int) -> list[Timed]:
    """Return the events that a journal folds into, with their times."""
    engine = synthetic_engine(search_settings(budget=Budget(evaluations=evaluations)))
    with JournalReader(path) as journal:
        return list(timed(fold(journal, engine), journal.entries()))


def test_an_empty_store_gets_what_the_live_one_has(uri: str, tmp_path: Path) -> None:
    run = tracked_run("live", folder=tmp_path)
    Journal.create(run.journal).close()
    live = Tracked(uri, run)
    session(tmp_path / "run.sqlite", trackers=[live.tracker])
    live_id = live.track([])
    synced = sync(journalled(tmp_path / "run.sqlite", 23), uri, run, None)
    assert synced.run_id != live_id
    assert not synced.replaced
    stored = [sorted(stored_points(uri, run_id), key=str) for run_id in (live_id, synced.run_id)]
    assert stored[0] == stored[1]
    assert synced.points == len(stored[0])
    files = [stored_artifacts(uri, each, tmp_path / each) for each in (live_id, synced.run_id)]
    assert files[0] == files[1]
    assert status_of(uri, synced.run_id) == "FINISHED"


def test_a_second_sync_writes_no_point(uri: str) -> None:
    events, run = searched(), tracked_run("twice")
    first = sync(at_once(events), uri, run, None)
    second = sync(at_once(events), uri, run, first.run_id)
    assert second == Synced(run_id=first.run_id, points=0, replaced=False)
    assert len(stored_points(uri, first.run_id)) == first.points


def test_a_run_that_fell_behind_gets_what_it_lacks(uri: str, tmp_path: Path) -> None:
    events, run = searched(), tracked_run("behind")
    run_id = Tracked(uri, run).track(events[:9])
    written = len(stored_points(uri, run_id))
    synced = sync(at_once(events), uri, run, run_id)
    assert synced.run_id == run_id
    assert synced.points == len(expected_points(events)) - written
    assert sorted(stored_points(uri, run_id), key=str) == sorted(expected_points(events), key=str)
    assert stored_artifacts(uri, run_id, tmp_path) == expected_artifacts(events, run)


def test_a_run_with_points_that_are_no_longer_true_is_replaced(uri: str, tmp_path: Path) -> None:
    run = tracked_run("cut short", folder=tmp_path)
    path = run.journal
    Journal.create(path).close()
    first = Tracked(uri, run)
    session(path, search_settings(budget=Budget(evaluations=23)), trackers=[first.tracker])
    run_id = first.track([])
    second = Tracked(uri, run, run_id)
    session(path, search_settings(budget=Budget(evaluations=31)), trackers=[second.tracker])
    second.track([])
    events = journalled(path, 31)
    expected = expected_points((event for _, event in events), run)
    assert set(stored_points(uri, run_id)) > expected, "the live run keeps both values of the cut generation"
    synced = sync(events, uri, run, run_id)
    assert synced.replaced
    assert synced.run_id != run_id
    assert sorted(stored_points(uri, synced.run_id), key=str) == sorted(expected, key=str)
    assert MlflowClient(tracking_uri=uri).get_run(run_id).info.lifecycle_stage == "deleted"
    assert sync(events, uri, run, synced.run_id).points == 0


def test_metrics_of_others_do_not_count(uri: str) -> None:
    events, run = searched(), tracked_run("others")
    first = sync(at_once(events), uri, run, None)
    MlflowClient(tracking_uri=uri).log_metric(first.run_id, "power/watts", 300.0)
    assert not sync(at_once(events), uri, run, first.run_id).replaced


def test_points_bear_the_times_of_the_journal(uri: str, tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    session(path)
    events = journalled(path, 23)
    with JournalReader(path) as journal:
        at = {entry.at for entry in journal.entries()}
    assert {time for time, event in events if isinstance(event, Settled)} <= at
    assert isinstance(events[-1][1], Stopped)
    assert events[-1][0] == max(time for time, _ in events)
    run_id = sync(events, uri, tracked_run("times"), None).run_id
    history = MlflowClient(tracking_uri=uri).get_metric_history(run_id, "eval/passed")
    assert {metric.timestamp for metric in history} <= {int(each * 1000) for each in at}


def test_an_unfinished_search_ends_up_killed(uri: str) -> None:
    events = [event for event in searched() if not isinstance(event, Stopped)]
    synced = sync(at_once(events), uri, tracked_run("unfinished"), None)
    assert status_of(uri, synced.run_id) == "KILLED"


def test_a_store_that_cannot_be_made_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    uri = PATIENCE.store(tmp_path / "file", {})
    with pytest.raises(
        TrackingFailure, match=r"the tracking store sqlite:///.* must answer, got \w+Error: .*"
    ):
        sync(at_once(searched()), uri, tracked_run("nowhere"), None)
