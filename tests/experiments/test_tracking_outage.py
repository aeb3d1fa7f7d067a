"""Outages of a real tracking server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from mlflow import MlflowClient

from evo.events import GenerationEnded
from experiments.tracking_settings import TrackingSettings
from experiments.tracking_sync import sync
from tests.experiments.forgetful import losing_answers
from tests.experiments.tracked import (
    Tracked,
    expected_artifacts,
    expected_points,
    searched,
    status_of,
    stored_artifacts,
    stored_points,
    tracked_run,
)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


class Server:
    """An `mlflow server` on a loopback port that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}"]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + 120
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < until, "the server did not come up in 120 s"
            time.sleep(0.2)

    def start_if_down(self) -> None:
        if self._process is None:
            self.start()

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.uri}/health", timeout=5).ok
        except requests.RequestException:
            return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    made.start()
    yield made
    made.kill()


def test_a_server_dies_and_comes_back(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    events, run = searched(), tracked_run("outage")
    ends = [place for place, event in enumerate(events) if isinstance(event, GenerationEnded)]
    watched = Tracked(server.uri, run)
    for event in events[: ends[1] + 1]:
        watched.tracker.record(event)
    until = time.monotonic() + 60
    while not (_lineages(server) >= 2 or watched.warnings):
        assert time.monotonic() < until
        time.sleep(0.05)
    server.kill()
    for event in events[ends[1] + 1 :]:
        watched.tracker.record(event)
    assert watched.warned.wait(60)
    run_id = watched.track([])
    assert len(watched.warnings) == 1
    assert server.uri in watched.warnings[0]

    server.start()
    stored = set(stored_points(server.uri, run_id))
    assert stored < expected_points(events)
    synced = sync([(1_700_000_000.0, event) for event in events], server.uri, run, run_id)
    assert (synced.run_id, synced.replaced) == (run_id, False)
    assert sorted(stored_points(server.uri, run_id), key=str) == sorted(expected_points(events), key=str)
    assert stored_artifacts(server.uri, run_id, tmp_path) == expected_artifacts(events, run)
    assert status_of(server.uri, run_id) == "FINISHED"
    assert "View run" not in capfd.readouterr().out


def _lineages(server: Server) -> int:
    return len(list((server._folder / "artifacts").rglob("generation-*.json")))


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        watched = Tracked(uri, tracked_run("nobody"))
        for event in searched():
            watched.tracker.record(event)
        assert watched.warned.wait(60)
        watched.tracker.close()
    assert len(watched.warnings) == 1
    assert not watched.ids


def test_a_server_that_never_answers_holds_nobody_up() -> None:
    reached = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []

        def accept() -> None:
            held.append(silent.accept()[0])
            reached.set()

        threading.Thread(target=accept, daemon=True).start()
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        watched = Tracked(uri, tracked_run("silent"), settings=TrackingSettings(close_seconds=0.1))
        assert reached.wait(60)
        for event in searched():
            watched.tracker.record(event)
        assert not watched.warnings, "the request is still under way"
        watched.tracker.close()
        assert len(watched.warnings) == 1
        for connection in held:
            connection.close()
    assert watched.tracker.behind


@pytest.mark.parametrize("tries", [0, 2])
def test_a_run_whose_making_was_never_confirmed_is_found_again(
    server: Server, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server makes the run, its answer is lost, and MLflow's client may ask for it again by itself."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(tries))
    server.start_if_down()
    events, run = searched(), tracked_run(f"lost {tries}", identity=f"identity {tries}")
    with losing_answers(server.port, "/runs/create", 1) as uri:
        watched = Tracked(uri, run)
        for event in events:
            watched.tracker.record(event)
        watched.tracker.close()
    assert bool(watched.warnings) is (tries == 0)
    synced = sync([(1_700_000_000.0, event) for event in events], server.uri, run, watched.run_id)
    client = MlflowClient(tracking_uri=server.uri)
    experiment = client.get_experiment_by_name(run.experiment)
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id], f"attributes.run_name = 'lost {tries}'")
    assert [(each.info.run_id, each.info.status) for each in found] == [(synced.run_id, "FINISHED")]
    assert set(stored_points(server.uri, synced.run_id)) == expected_points(events)
