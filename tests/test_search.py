"""A real search, from the command line to the run folder, MLflow and the reports."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import msgspec
import pytest
from mlflow import MlflowClient

from evo.journal import JournalReader
from evo.objective import Individual
from evo.replay import recorded_engine, replay
from experiments.run_folder import BEST, JOURNAL
from experiments.suites.loader import SUITES
from tests.commanded import check_whole, config, reported
from tests.experiments.commanding import kernevo, one_line, started

EVALUATIONS = 30
RUN = Path("deep") / "one"


class Searched(msgspec.Struct, frozen=True):
    """A search that ran to its end: where it was asked for, its folder, and how the command ended."""

    home: Path
    folder: Path
    done: subprocess.CompletedProcess[str]

    @property
    def store(self) -> str:
        """The MLflow store beside the runs."""
        return f"sqlite:///{self.folder.parent / 'mlflow.db'}"


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    home = tmp_path_factory.mktemp("home")
    done = kernevo("run", config(home, EVALUATIONS, tracked=True).name, "--out", RUN, cwd=home)
    assert done.returncode == 0, done.stderr
    return Searched(home=home, folder=home / RUN, done=done)


def settled(folder: Path) -> dict[int, Individual]:
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        list(replay(journal, engine))
        return dict(engine.individuals)


def metrics(store: str, run_id: str) -> dict[str, list[tuple[int, float]]]:
    """Return every point of an MLflow run, by metric."""
    client = MlflowClient(tracking_uri=store)
    return {
        key: sorted((each.step, each.value) for each in client.get_metric_history(run_id, key))
        for key in client.get_run(run_id).data.metrics
    }


def runs_in(store: str) -> list[str]:
    """Return the runs of searches, without those of their elites."""
    client = MlflowClient(tracking_uri=store)
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = client.search_runs(experiments)
    return [run.info.run_id for run in runs if "mlflow.parentRunId" not in run.data.tags]


def test_the_run_folder(searched: Searched) -> None:
    names = {path.name for path in searched.folder.iterdir()}
    assert names == {"best.py", "report.html", "run.sqlite", "run.sqlite.lock", "settings.toml"}
    assert {path.name for path in searched.home.iterdir()} == {"config.toml", "deep"}
    check_whole(searched.folder, EVALUATIONS)


def test_what_the_search_printed(searched: Searched) -> None:
    output, messages = searched.done.stdout, searched.done.stderr
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", output + messages)
    for line in (searched.folder / BEST).read_text().splitlines():
        assert line in output.splitlines()
    assert "flip on model:gfx942 (modelled)" in output
    assert f"stopped: {EVALUATIONS} evaluations made" in output
    assert f"mlflow server --backend-store-uri {searched.store}" in output
    lines = messages.splitlines()
    assert lines[0] == f"start · gen 0 · 0/{EVALUATIONS} evaluated"
    assert [line.split(" · ")[0] for line in lines[1:-1]] == [f"gen {number}" for number in range(7)]
    assert lines[-1].startswith(f"stopped: {EVALUATIONS} evaluations made · gen 6 · ")
    assert all("(modelled)" in line for line in lines if "best" in line)


def test_reports_agree(searched: Searched, tmp_path: Path) -> None:
    status = reported("status", searched.folder, cwd=tmp_path)
    assert status["evaluations"] == EVALUATIONS
    assert status["stopped"] == f"{EVALUATIONS} evaluations made"
    best = reported("best", RUN, cwd=searched.home)
    assert best["source_text"] == (searched.folder / BEST).read_text()
    line = reported("lineage", searched.folder)["candidates"]
    assert line[0]["proposal"]["operator"] == "seed"
    assert line[-1]["number"] == best["number"] == status["best"]["number"]
    assert line[-1]["speedup"] == status["best"]["speedup"] > 1.0


def test_the_best_kernel_evaluates_to_what_the_search_says(searched: Searched) -> None:
    evaluation = reported("evaluate", searched.folder / BEST, "--task", "flip")
    assert {"status", "feedback", "measurements", "speedup", "source", "device", "stage"} <= set(evaluation)
    assert (evaluation["status"], evaluation["feedback"]) == ("PASSED", "")
    best = reported("best", searched.folder)
    assert evaluation["measurements"] == best["evaluation"]["measurements"]
    assert evaluation["speedup"] == best["speedup"]


def test_a_wrong_kernel_is_a_verdict_and_no_failure(tmp_path: Path) -> None:
    source = (SUITES / "flip" / "seed.py").read_text()
    (tmp_path / "wrong.py").write_text(source.replace("(n_cols - 1 - cols)", "cols"))
    evaluation = reported("evaluate", tmp_path / "wrong.py", "--task", "flip")
    assert (evaluation["status"], evaluation["speedup"], evaluation["measurements"]) == ("WRONG", None, [])
    assert evaluation["feedback"]


def test_mlflow_has_the_numbers_of_the_journal(searched: Searched) -> None:
    [run_id] = runs_in(searched.store)
    points = metrics(searched.store, run_id)
    individuals = settled(searched.folder)
    passed = {number: float(each.evaluation.passed) for number, each in individuals.items()}
    assert dict(points["eval/passed"]) == passed
    speedups = {number: each.speedup for number, each in individuals.items() if each.speedup is not None}
    assert dict(points["eval/speedup"]) == speedups
    assert MlflowClient(tracking_uri=searched.store).get_run(run_id).info.status == "FINISHED"


def test_sync_gives_an_empty_store_the_same(searched: Searched, tmp_path: Path) -> None:
    [live] = runs_in(searched.store)
    copied = tmp_path / "copy"
    copied.mkdir()
    for name in ("run.sqlite", "settings.toml"):
        (copied / name).write_bytes((searched.folder / name).read_bytes())
    store = f"sqlite:///{tmp_path / 'other.db'}"
    done = kernevo("sync", copied, "--uri", store)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    [rebuilt] = runs_in(store)
    assert metrics(store, rebuilt) == metrics(searched.store, live)
    assert ", 0 new metric points" in kernevo("sync", copied, "--uri", store).stdout


def test_it_goes_on_with_a_larger_budget_from_another_folder(searched: Searched, tmp_path: Path) -> None:
    """Last of this file: it changes the run."""
    before = settled(searched.folder)
    more = ("--set", f"search.budget.evaluations={EVALUATIONS + 5}")
    done = kernevo("resume", searched.folder, "--quiet", *more, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    after = settled(searched.folder)
    assert len(after) == EVALUATIONS + 5
    assert all(after[number].evaluation == each.evaluation for number, each in before.items())
    [run_id] = runs_in(searched.store)
    assert len(metrics(searched.store, run_id)["eval/passed"]) == EVALUATIONS + 5
    assert not list(tmp_path.iterdir())


def test_a_store_that_does_not_answer_is_said_once_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        settings = config(tmp_path, 6, tracked=True)
        done = kernevo("run", settings, "--out", tmp_path / "run", "--set", f"tracking.uri={uri}")
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("MLflow is behind, the search goes on") == 1
        assert "Traceback" not in done.stderr
        refusal = kernevo("sync", tmp_path / "run")
        assert refusal.returncode == 1
        assert f"the tracking store {uri} must answer" in one_line(refusal.stderr)
    store = f"sqlite:///{tmp_path / 'later.db'}"
    assert kernevo("sync", tmp_path / "run", "--uri", store).returncode == 0
    [run_id] = runs_in(store)
    assert [step for step, _ in metrics(store, run_id)["eval/passed"]] == list(range(6))


@pytest.mark.thorough
def test_two_searches_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    settings = config(tmp_path, 2, tracked=True)
    both = [started("run", settings.name, cwd=tmp_path) for _ in range(2)]
    ends = [(process.communicate(), process.returncode) for process in both]
    assert [code for _, code in ends] == [0, 0], ends
    runs = sorted(path for path in (tmp_path / "runs").iterdir() if path.name.startswith("flip-"))
    assert len(runs) == 2
    for run in runs:
        assert reported("status", run)["evaluations"] == 2
    assert len(runs_in(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")) == 2
