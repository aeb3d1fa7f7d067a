"""All that MLflow holds of a search in which a model was asked, and that none of it is a secret."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run, Trace

from evo.events import Event, Settled
from evo.journal import Journal, JournalReader
from evo.objective import Individual
from evo.records import Called
from evo.settings import Mode
from experiments.cli import run as command
from experiments.tracking_settings import TrackedRun, TrackingSettings
from experiments.tracking_sync import Synced, sync
from tests.experiments.asking import HOME, KEY, asking
from tests.experiments.commanding import refused
from tests.experiments.tracked import PATIENCE, Tracked, stored_artifacts, stored_points, tracked_run


class Whole(msgspec.Struct, frozen=True):
    """A search that was tracked while it went on, in two sessions."""

    store: Path
    uri: str
    run: TrackedRun
    run_id: str
    events: list[Event]

    @property
    def elites(self) -> dict[int, Individual]:
        settled = (event for event in self.events if isinstance(event, Settled) and event.elite)
        return {event.individual.number: event.individual for event in settled}

    @property
    def individuals(self) -> dict[int, Individual]:
        settled = (event.individual for event in self.events if isinstance(event, Settled))
        return {individual.number: individual for individual in settled}

    @property
    def called(self) -> list[Called]:
        with JournalReader(self.run.journal) as journal:
            return [entry.record for entry in journal.entries() if isinstance(entry.record, Called)]

    def again(self, run_id: str | None, elites: int = 200) -> Synced:
        return sync([(1_700_000_000.0, event) for event in self.events], self.uri, self.run, run_id, elites)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", HOME)
        patch.setenv("OPENAI_API_KEY", KEY)
        folder = tmp_path_factory.mktemp("runs")
        uri = PATIENCE.store(folder, {})
        text = f"task = '{HOME}/tasks/one'\n"
        params = {"task": f"{HOME}/tasks/one", "tracking.uri": f"sqlite:///{HOME}/mlflow.db"}
        run = tracked_run("whole", folder=folder / "whole", settings=text, params=params)
        run.folder.mkdir()
        Journal.create(run.journal).close()
        live = Tracked(uri, run)
        first = asking(run.folder, live.tracker, sessions=[16], seed=SEED)
        run_id = live.track([])
        live = Tracked(uri, run, run_id)
        run.report.write_text(f"<p>{HOME}/runs</p>")
        second = asking(run.folder, live.tracker, sessions=[41], seed=SEED)
        live.track([])
        assert not live.warnings
        yield Whole(folder / "mlflow.db", uri, run, run_id, [*first, *second])


SEED = 5
"""Of a search in which models make elites."""


def nested(uri: str, run_id: str) -> dict[int, Run]:
    """Return the runs nested in one, by candidate; each must be there once."""
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_run(run_id).info.experiment_id
    found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run_id}'")
    numbers = [int(each.data.tags["candidate"]) for each in found]
    assert len(set(numbers)) == len(numbers)
    return dict(zip(numbers, found, strict=True))


def traces(uri: str, run_id: str) -> list[Trace]:
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_run(run_id).info.experiment_id
    found: Sequence[Trace] = client.search_traces(locations=[experiment], run_id=run_id, max_results=100)
    return list(found)


def test_each_elite_is_a_run_with_its_source_diffs_and_figures(whole: Whole, tmp_path: Path) -> None:
    runs = nested(whole.uri, whole.run_id)
    assert set(runs) == set(whole.elites)
    assert any(each.candidate.request for each in whole.elites.values()), "a model made none of them"
    for number, elite in whole.elites.items():
        run, proposal, kernel = runs[number], elite.candidate.proposal, elite.candidate.kernel
        assert kernel is not None
        assert run.info.status == "FINISHED"
        assert run.data.tags["operator"] == proposal.operator
        assert run.data.tags["parents"] == ", ".join(map(str, proposal.parents))
        assert run.data.tags["generation"] == str(proposal.generation)
        assert run.data.metrics["speedup"] == elite.speedup
        for each in elite.evaluation.measurements:
            key = f"_ms/{each.workload}"
            assert run.data.metrics[f"latency{key}"] == each.latency_ms
            assert run.data.metrics[f"latency_low{key}"] == each.low_ms
            assert run.data.metrics[f"latency_high{key}"] == each.high_ms
        for used in elite.evaluation.resources:
            assert run.data.metrics[f"registers/{used.kernel}"] == used.registers
        files = stored_artifacts(whole.uri, run.info.run_id, tmp_path / str(number))
        assert files["kernel.py"] == kernel.source
        assert json.loads(files["evaluation.json"])["measurements"] == [
            msgspec.to_builtins(each) for each in elite.evaluation.measurements
        ]
        for parent in proposal.parents:
            before = whole.individuals[parent].candidate.kernel
            assert before is not None
            assert patched(before.source, files[f"diff-from-{parent}.patch"]) == kernel.source
        assert ("prompt.md" in files) == ("reply.md" in files) == (elite.candidate.request is not None)
        if elite.candidate.request is not None:
            assert files["prompt.md"] == f"# system\n\nbe quick\n\n# user\n\n~/k.py: raise {number} é\n"
            assert files["reply.md"] == "see ~/k.py"


def patched(before: str, diff: str) -> str:
    """Return a text after a unified diff that shows all of it."""
    if not diff:
        return before
    assert diff.startswith("--- ")
    lines = diff.splitlines()[3:]
    assert "".join(f"{line[1:]}\n" for line in lines if line[0] != "+") == before
    return "".join(f"{line[1:]}\n" for line in lines if line[0] != "-")


def test_each_call_is_a_trace_tied_to_run_and_candidate(whole: Whole) -> None:
    found = traces(whole.uri, whole.run_id)
    keys = [(int(each.info.tags["candidate"]), int(each.info.tags["attempt"])) for each in found]
    assert sorted(keys) == sorted((call.number, call.attempt) for call in whole.called)
    assert len(found) > 5
    calls = {(call.number, call.attempt): call for call in whole.called}
    for key, each in zip(keys, found, strict=True):
        call, [span] = calls[key], each.data.spans
        assert each.info.tags["request"] == call.request
        assert each.info.execution_duration == 2500
        assert span.inputs["messages"][1]["content"] == f"~/k.py: raise {call.number} é"
        assert span.outputs["text"] == "see ~/k.py"
        assert str(each.info.state).endswith("ERROR") == (call.number % 5 == 0)
        usage = {"input_tokens": 100, "output_tokens": call.number, "total_tokens": 100 + call.number}
        assert each.info.token_usage == usage
        assert span.get_attribute("mlflow.llm.model") == "answered"
        assert span.get_attribute("mlflow.llm.cost")["total_cost"] == call.spend.dollars
    for number, run in nested(whole.uri, whole.run_id).items():
        own = {each.info.trace_id for each, key in zip(found, keys, strict=True) if key[0] == number}
        assert {each.info.trace_id for each in traces(whole.uri, run.info.run_id)} == own


def test_the_champion_is_a_version_of_the_tasks_model(whole: Whole) -> None:
    client = MlflowClient(tracking_uri=whole.uri)
    number, champion = list(whole.elites.items())[-1]
    run = nested(whole.uri, whole.run_id)[number]
    [version] = client.search_model_versions(f"run_id = '{run.info.run_id}'")
    assert version.name == "synthetic on synthetic (modelled)"
    assert champion.candidate.kernel is not None
    source = Path(str(version.source).removeprefix("file://"))
    assert source.read_text() == champion.candidate.kernel.source
    assert version.tags["speedup"] == str(champion.speedup)
    assert version.tags["candidate"] == str(number)
    for run_id in (whole.run_id, run.info.run_id):
        [used] = client.get_run(run_id).inputs.dataset_inputs
        assert used.dataset.name == "synthetic"
        columns = json.loads(used.dataset.schema)["mlflow_colspec"]
        assert [each["name"] for each in columns] == [each.name for each in whole.run.task.workloads]
    assert client.get_run(whole.run_id).data.tags["task_digest"] == whole.run.task.digest


def dump(whole: Whole) -> tuple[list[str], dict[str, tuple[int, bytes]]]:
    """Return everything in the store: its rows, and its files with the times of their last change."""
    with closing(sqlite3.connect(whole.store)) as db:
        rows = list(db.iterdump())
    files = [path for path in (whole.store.parent / "mlartifacts").rglob("*") if path.is_file()]
    return rows, {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_nothing_in_the_store_says_where_home_is_or_holds_a_key(whole: Whole) -> None:
    rows, files = dump(whole)
    assert any("~/tasks/one" in row for row in rows)
    assert any("see ~/k.py" in row for row in rows)
    assert files[next(path for path in files if path.endswith("report.html"))][1] == b"<p>~/runs</p>"
    for secret in (HOME, KEY):
        assert not [row for row in rows if secret in row]
        assert not [path for path, (_, content) in files.items() if secret.encode() in content]


def test_a_sync_after_a_whole_search_writes_nothing(whole: Whole) -> None:
    before = dump(whole)
    assert whole.again(whole.run_id) == Synced(run_id=whole.run_id)
    assert dump(whole) == before


def test_an_empty_store_gets_all_that_the_live_one_has(whole: Whole, tmp_path: Path) -> None:
    synced = whole.again(None)
    assert synced.runs == 1 + len(whole.elites)
    assert synced.traces == len(whole.called)
    check_same(whole, synced.run_id, tmp_path)


def check_same(whole: Whole, run_id: str, tmp_path: Path) -> None:
    """Check that a run holds what the live one does."""
    runs = [nested(whole.uri, each) for each in (whole.run_id, run_id)]
    assert runs[0].keys() == runs[1].keys()
    for number in runs[0]:
        ours, theirs = runs[0][number], runs[1][number]
        assert ours.data.metrics == theirs.data.metrics
        files = [
            stored_artifacts(whole.uri, each.info.run_id, tmp_path / each.info.run_id)
            for each in (ours, theirs)
        ]
        assert files[0] == files[1]
    said = [sorted(map(told, traces(whole.uri, each))) for each in (whole.run_id, run_id)]
    assert said[0] == said[1]
    points = [sorted(stored_points(whole.uri, each), key=str) for each in (whole.run_id, run_id)]
    assert points[0] == points[1]
    files = [stored_artifacts(whole.uri, each, tmp_path / f"run {each}") for each in (whole.run_id, run_id)]
    assert files[0] == files[1]


def told(trace: Trace) -> tuple[str, ...]:
    """Return what a trace says, whatever run it is of."""
    [span] = trace.data.spans
    return trace.info.tags["candidate"], trace.info.tags["attempt"], str(span.inputs), str(span.outputs)


def test_whatever_is_missing_or_half_written_is_made_whole(whole: Whole, tmp_path: Path) -> None:
    client = MlflowClient(tracking_uri=whole.uri)
    run_id = whole.again(None).run_id
    numbers = list(whole.elites)
    runs = nested(whole.uri, run_id)
    client.delete_run(runs[numbers[0]].info.run_id)
    client.update_run(runs[numbers[1]].info.run_id, status="RUNNING")
    half = client.create_run(
        runs[numbers[2]].info.experiment_id, tags={"mlflow.parentRunId": run_id, "candidate": str(numbers[2])}
    )
    lost = traces(whole.uri, run_id)[3].info
    client.delete_traces(lost.experiment_id, trace_ids=[lost.trace_id])
    root = Path(str(client.get_run(run_id).info.artifact_uri).removeprefix("file://"))
    (root / "lineage" / "generation-0001.json").write_text("{")
    (root / "elites" / f"{numbers[0]}.py").unlink()
    synced = whole.again(run_id)
    assert synced == Synced(run_id=run_id, artifacts=2, runs=2, traces=1)
    assert client.get_run(half.info.run_id).info.lifecycle_stage == "deleted"
    check_same(whole, run_id, tmp_path)
    assert whole.again(run_id) == Synced(run_id=run_id)


def test_the_last_elites_are_kept(whole: Whole) -> None:
    numbers = list(whole.elites)
    assert len(numbers) > 3
    watched = Tracked(whole.uri, whole.run, settings=TrackingSettings(close_seconds=60.0, elites=2))
    run_id = watched.track(whole.events)
    assert not watched.warnings
    assert set(nested(whole.uri, run_id)) == set(numbers[-2:])
    assert whole.again(run_id, elites=2) == Synced(run_id=run_id)
    assert whole.again(run_id, elites=3).runs == 1
    assert set(nested(whole.uri, run_id)) == set(numbers[-3:])


@pytest.mark.parametrize("relation", [["--all"], [], ["7", "--ancestors"], ["2", "--descendants"]])
def test_mlflow_tells_the_lineage_that_the_journal_tells(
    whole: Whole, relation: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    told = [
        lineage(capsys, str(whole.run.folder), *relation),
        lineage(capsys, whole.run_id, *relation, "--from", whole.uri),
    ]
    assert told[0] == told[1]
    assert told[0]["candidates"]


def lineage(capsys: pytest.CaptureFixture[str], *arguments: str) -> Mapping[str, Any]:
    assert command(["lineage", *arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(("mode", "seed"), [(mode, seed) for mode in Mode for seed in (1, 2)])
def test_random_runs_have_one_lineage_wherever_it_is_told(
    whole: Whole, tmp_path: Path, mode: Mode, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tracked_run(f"{mode} {seed}'s", folder=tmp_path)
    Journal.create(run.journal).close()
    run_id = None
    for evaluations in (8, 13):
        live = Tracked(whole.uri, run, run_id)
        asking(tmp_path, live.tracker, sessions=[evaluations], seed=seed, mode=mode, offspring=4)
        run_id = live.track([])
        assert not live.warnings
    tellings = [
        lineage(capsys, str(tmp_path), "--all"),
        lineage(capsys, run.name, "--all", "--from", whole.uri),
    ]
    edges = [
        {(parent, each["number"]) for each in telling["candidates"] for parent in each["proposal"]["parents"]}
        for telling in tellings
    ]
    assert edges[0] == edges[1]
    assert len(edges[0]) >= 12
    assert tellings[0] == tellings[1]


def test_a_run_that_mlflow_does_not_have_is_told_in_one_line(
    whole: Whole, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole.again(None)
    asked = ["--from", whole.uri]
    assert "there is none called nothing" in refused(["lineage", "nothing", *asked], capsys)
    assert "there is none called 0000" in refused(["lineage", "0" * 32, *asked], capsys)
    assert "must be the only one of its name" in refused(["lineage", "whole", *asked], capsys)
    assert "must be one of this run's 41, got 99" in refused(["lineage", whole.run_id, "99", *asked], capsys)
    empty = Tracked(whole.uri, tracked_run("empty")).track([])
    assert "no generation has ended" in refused(["lineage", empty, *asked], capsys)
    missing = tmp_path / "none.db"
    assert "must be there" in refused(["lineage", "x", "--from", f"sqlite:///{missing}"], capsys)
    assert not missing.exists()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert "MLFLOW_TRACKING_URI" in refused(["lineage", "x", "--from", "mlflow"], capsys)
    assert "must be a server or a database" in refused(["lineage", "x", "--from", "runs"], capsys)


def test_a_snapshot_that_is_none_is_told_in_one_line(
    whole: Whole, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = whole.again(None).run_id
    root = str(MlflowClient(tracking_uri=whole.uri).get_run(run_id).info.artifact_uri).removeprefix("file://")
    (Path(root) / "lineage" / "generation-0001.json").write_text('{"generation": "first"}')
    assert "must hold snapshots" in refused(["lineage", run_id, "--from", whole.uri], capsys)
