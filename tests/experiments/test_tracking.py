"""The tracker against a real MLflow on SQLite."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from pathlib import Path

import msgspec
import pytest
from mlflow import MlflowClient

from evo.candidate import Candidate, Kernel, Proposal
from evo.evaluation import Cost, Stage, Status
from evo.events import Event, Failed, GenerationEnded, Settled, Stopped
from evo.journal import Journal
from evo.loop import Search
from evo.objective import assess
from evo.protocols import Tracker
from experiments.tracking import MlflowTracker
from experiments.tracking_store import connect
from tests.experiments.tracked import (
    PATIENCE,
    Tracked,
    expected_artifacts,
    expected_points,
    searched,
    status_of,
    stored_artifacts,
    stored_points,
    tags_of,
    tracked_run,
)
from tests.standins import (
    RecordingTracker,
    SyntheticEvaluator,
    kernel_of,
    search_settings,
    synthetic_engine,
    verdict,
)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return PATIENCE.store(tmp_path_factory.mktemp("runs"), {})


def settled(number: int, kernel: Kernel, cost: Cost, *, elite: bool = False) -> Settled:
    proposal = Proposal(number=number, operator="step", parents=(0,), generation=1, key=2**64 - 1)
    evaluation = msgspec.structs.replace(verdict(kernel), cost=cost)
    candidate = Candidate(proposal=proposal, kernel=kernel, summary="stepped")
    return Settled(individual=assess(candidate, evaluation, verdict(kernel_of(10))), elite=elite)


def test_numbers_and_files_are_those_of_the_events(uri: str, tmp_path: Path) -> None:
    events, run = searched(), tracked_run("whole")
    watched = Tracked(uri, run)
    run_id = watched.track(events)
    assert not watched.warnings
    stored = stored_points(uri, run_id)
    assert set(stored) == expected_points(events)
    assert len(stored) == len(set(stored))
    assert stored_artifacts(uri, run_id, tmp_path) == expected_artifacts(events, run)
    assert status_of(uri, run_id) == "FINISHED"


def test_points_say_what_their_names_say(uri: str) -> None:
    events = searched()
    run_id = Tracked(uri, tracked_run("named")).track(events)
    values = {(point.key, point.step): point.value for point in stored_points(uri, run_id)}
    for event in events:
        if isinstance(event, Settled):
            individual, step = event.individual, event.individual.number
            passed = individual.evaluation.passed
            assert values["eval/passed", step] == passed
            assert values["eval/progress", step] == individual.fitness.values[0]
            assert values.get(("eval/speedup", step)) == individual.speedup
            for measurement in individual.evaluation.measurements:
                assert values[f"eval/latency_ms/{measurement.workload}", step] == measurement.latency_ms
        elif isinstance(event, GenerationEnded):
            step = event.generation
            assert values["gen/evaluations", step] == event.told
            assert values["gen/best_speedup", step] == event.population[0].speedup
            assert values["gen/population", step] == len(event.population)
            total = sum(event.statuses.values())
            assert values["gen/passed_share", step] == event.statuses.get(Status.PASSED, 0) / total
            for status in Status:
                assert values[f"gen/{status.lower()}", step] == event.statuses.get(status, 0)


def test_a_snapshot_holds_survivors_and_rejected_with_their_parents(uri: str, tmp_path: Path) -> None:
    events = searched()
    run_id = Tracked(uri, tracked_run("lineage")).track(events)
    files = stored_artifacts(uri, run_id, tmp_path)
    seen: list[int] = []
    for event in events:
        if isinstance(event, GenerationEnded):
            snapshot = json.loads(files[f"lineage/generation-{event.generation:04d}.json"])
            assert [each["number"] for each in snapshot["population"]] == [i.number for i in event.population]
            seen += [each["number"] for each in snapshot["settled"]]
    individuals = [event.individual for event in events if isinstance(event, Settled)]
    assert seen == [individual.number for individual in individuals]
    last = json.loads(files[max(name for name in files if name.startswith("lineage/"))])["settled"][-1]
    proposal = individuals[-1].candidate.proposal
    assert (last["operator"], tuple(last["parents"])) == (proposal.operator, proposal.parents)
    assert int(last["key"], 16) == proposal.key


def test_a_run_is_found_by_its_tags_and_holds_no_code_but_in_files(uri: str, tmp_path: Path) -> None:
    events = searched()
    run = tracked_run("tags", commit="c0ffee", params={"long": "x" * 7000, "task": "synthetic"})
    run_id = Tracked(uri, run).track(events)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("synthetic × synthetic (modelled)")
    assert experiment is not None
    [found] = client.search_runs(
        [experiment.experiment_id], "attributes.run_name = 'tags' and tags.task = 'synthetic'"
    )
    assert (found.info.run_id, found.info.run_name) == (run_id, "tags")
    assert found.data.tags.items() >= run.tags.items()
    assert found.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert found.data.tags["stop_reason"] == "23 evaluations made"
    assert found.data.params["long"] == "x" * 5999 + "…"
    best = [event.individual for event in events if isinstance(event, Settled) and event.elite][-1]
    assert found.data.tags["best"] == str(best.number)
    assert found.data.metrics["best/speedup"] == best.speedup
    assert best.candidate.kernel is not None
    source = best.candidate.kernel.source
    files = stored_artifacts(uri, run_id, tmp_path)
    assert files["best.py"] == files[f"elites/{best.number}.py"] == source
    assert not [text for text in [*found.data.tags.values(), *found.data.params.values()] if source in text]


def test_a_search_that_cannot_go_on_is_failed_until_it_is_resumed(uri: str) -> None:
    events = searched()
    failing = Tracked(uri, tracked_run("failed"))
    run_id = failing.track([*events[:9], Failed(reason="the disk is full")])
    assert status_of(uri, run_id) == "FAILED"
    assert connect(uri).get_run(run_id).data.tags["failure"] == "the disk is full"
    Tracked(uri, tracked_run("failed"), run_id).track(events[9:])
    assert status_of(uri, run_id) == "FINISHED"
    assert "failure" not in connect(uri).get_run(run_id).data.tags


def test_a_resumed_run_is_the_same_run(uri: str) -> None:
    events = searched()
    cut = next(i for i, e in enumerate(events) if isinstance(e, GenerationEnded) and e.generation == 2) + 1
    first = Tracked(uri, tracked_run("resumed"))
    run_id = first.track(events[:cut])
    assert first.ids == [run_id]
    assert status_of(uri, run_id) == "KILLED"
    changed = tracked_run("resumed", params={"search.seed": "7", "task": "synthetic", "budget": "40"})
    second = Tracked(uri, changed, run_id)
    assert second.track(events[cut:]) == run_id
    assert not second.ids
    stored = stored_points(uri, run_id)
    assert sorted(stored, key=str) == sorted(expected_points(events), key=str)
    assert status_of(uri, run_id) == "FINISHED"


def test_settings_changed_on_resume_become_tags(uri: str) -> None:
    run_id = Tracked(uri, tracked_run("changed", params={"budget": "20"})).track([Stopped(reason="enough")])
    again = Tracked(uri, tracked_run("changed", params={"budget": "40", "new": "1"}, settings="new"), run_id)
    again.track([])
    assert not again.warnings
    run = MlflowClient(tracking_uri=uri).get_run(run_id)
    assert run.data.params == {"budget": "20", "new": "1"}
    assert run.data.tags["resumed.budget"] == "40"
    assert "stop_reason" not in run.data.tags


def test_events_told_again_add_nothing(uri: str) -> None:
    events = searched()
    run_id = Tracked(uri, tracked_run("again")).track(events)
    Tracked(uri, tracked_run("again"), run_id).track([*events, *events])
    assert len(stored_points(uri, run_id)) == len(expected_points(events))


def test_a_run_that_is_gone_is_made_anew(uri: str) -> None:
    run_id = Tracked(uri, tracked_run("gone")).track(searched(6))
    MlflowClient(tracking_uri=uri).delete_run(run_id)
    for missing in (run_id, "0" * 32):
        again = Tracked(uri, tracked_run("gone"), missing)
        assert again.track(searched(6)) not in (run_id, missing)
        assert len(again.ids) == 1


def test_a_deleted_experiment_is_restored(uri: str) -> None:
    run = tracked_run("restored", task="deleted")
    Tracked(uri, run).track([])
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(run.experiment)
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    again = Tracked(uri, run)
    again.track([])
    assert not again.warnings


def test_the_run_id_is_told_in_the_callers_thread(uri: str) -> None:
    watched = Tracked(uri, tracked_run("thread"))
    watched.track(searched(6))
    assert watched.callers == {threading.get_ident()}


def test_what_is_not_finite_never_arrives(uri: str) -> None:
    costs = [Cost(cpu_seconds=math.nan), Cost(cpu_seconds=math.inf), Cost(cpu_seconds=1.5)]
    events: list[Event] = [settled(n, kernel_of(10 + n), cost) for n, cost in enumerate(costs)]
    watched = Tracked(uri, tracked_run("finite"))
    stored = stored_points(uri, watched.track(events))
    assert not watched.warnings
    assert all(math.isfinite(point.value) for point in stored)
    assert [point.step for point in stored if point.key == "eval/cpu_seconds"] == [2]


def test_workloads_of_any_name_get_keys_of_their_own(uri: str) -> None:
    names = ["a×b", "a*b", "../a", "a//b", ".", "f32 8.5k", "x" * 300]
    event = settled(1, kernel_of(11), Cost())
    evaluation = event.individual.evaluation
    measurements = tuple(msgspec.structs.replace(evaluation.measurements[0], workload=name) for name in names)
    evaluation = msgspec.structs.replace(evaluation, measurements=measurements)
    individual = assess(event.individual.candidate, evaluation, evaluation)
    watched = Tracked(uri, tracked_run("workloads"))
    run_id = watched.track([Settled(individual=individual, elite=False)])
    assert not watched.warnings
    keys = {point.key for point in stored_points(uri, run_id) if point.key.startswith("eval/latency_ms/")}
    assert len(keys) == len(names)


def test_a_huge_generation_goes_in_batches(uri: str, tmp_path: Path) -> None:
    settled_events: list[Event] = [settled(n, kernel_of(1 + n), Cost()) for n in range(1500)]
    individuals = [event.individual for event in settled_events if isinstance(event, Settled)]
    ended = GenerationEnded(
        generation=1, told=1500, population=tuple(individuals[:16]), statuses={Status.PASSED: 1500}
    )
    events = [*settled_events, ended]
    watched = Tracked(uri, tracked_run("huge"))
    run_id = watched.track(events)
    assert not watched.warnings
    assert set(stored_points(uri, run_id)) == expected_points(events)
    snapshot = json.loads(stored_artifacts(uri, run_id, tmp_path)["lineage/generation-0001.json"])
    assert len(snapshot["settled"]) == 1500
    assert snapshot["settled"][-1]["stage"] == Stage.TIME.name.lower()


def test_two_searches_in_one_process_do_not_cross(uri: str, tmp_path: Path) -> None:
    recordings = {seed: RecordingTracker() for seed in (3, 4)}
    watched = {seed: Tracked(uri, tracked_run(f"seed {seed}")) for seed in recordings}

    async def search(seed: int) -> None:
        with Journal.create(tmp_path / f"{seed}.sqlite") as journal:
            trackers: list[Tracker] = [recordings[seed], watched[seed].tracker]
            engine = synthetic_engine(search_settings(seed=seed))
            await Search(engine, SyntheticEvaluator(), journal, trackers).run("settings")

    async def both() -> None:
        await asyncio.gather(*(search(seed) for seed in recordings))

    asyncio.run(both())
    found = {}
    for seed, recording in recordings.items():
        run_id = watched[seed].track([])
        found[seed] = set(stored_points(uri, run_id))
        assert found[seed] == expected_points(recording.events)
        assert tags_of(uri, run_id)["kernevo_version"] == "0.1.0"
    assert found[3] != found[4]


def test_the_journal_of_the_search_can_keep_the_run_id(uri: str, tmp_path: Path) -> None:
    with Journal.create(tmp_path / "run.sqlite") as journal:
        warnings: list[str] = []
        tracker = MlflowTracker(
            PATIENCE,
            uri,
            tracked_run("kept"),
            None,
            lambda new: journal.set_meta("mlflow", new),
            warnings.append,
        )
        search = Search(synthetic_engine(), SyntheticEvaluator(), journal, [tracker])
        asyncio.run(search.run("settings"))
        tracker.close()
        kept = journal.meta("mlflow", str)
    assert kept is not None
    assert not warnings
    assert status_of(uri, kept) == "FINISHED"


def test_a_new_database_is_made_whole_and_in_silence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "some runs"
    runs.mkdir()
    (runs / "mlflow.db.new").write_text("what a killed process left")
    uri = PATIENCE.store(runs, {})
    both = [Tracked(uri, tracked_run(name)) for name in ("first", "second")]
    ids = [watched.track(searched(6)) for watched in both]
    assert len(set(ids)) == 2
    assert not [warning for watched in both for warning in watched.warnings]
    assert capfd.readouterr() == ("", "")
    assert {path.name for path in runs.iterdir()} == {"mlflow.db", "mlflow.db.lock", "mlartifacts"}
    assert [path.name for path in tmp_path.iterdir()] == ["some runs"]
