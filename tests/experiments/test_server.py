"""The team's tracking server: `mlflow/start` with a real PostgreSQL and a real MLflow behind it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psycopg2
import pytest

from evo.task import Task
from experiments.bench.serving import PASSWORD, TeamServer
from experiments.tracking_store import Store
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

POSTGRES = shutil.which("postgres") or next(Path("/usr/lib/postgresql").glob("*/bin/postgres"), None)
pytestmark = pytest.mark.skipif(POSTGRES is None, reason="no PostgreSQL here: apt-get install postgresql")


@pytest.fixture
def server() -> Iterator[TeamServer]:
    made = TeamServer()
    yield made
    made.remove()


def refused(server: TeamServer, **environment: str) -> tuple[int, str]:
    """Return the exit code and the last line of a start that must fail."""
    process = server.begin(**environment)
    told, _ = process.communicate(timeout=120)
    return process.returncode, told.splitlines()[-1]


def postmaster(server: TeamServer) -> int:
    return int((server.folder / "database" / "postmaster.pid").read_text().split()[0])


def query(server: TeamServer, sql: str) -> object:
    place = str(server.folder / "run")
    connection = psycopg2.connect(host=place, user="mlflow", dbname="mlflow", password=PASSWORD)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    connection.close()
    return None if row is None else row[0]


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"KERNEVO_SERVER_PASSWORD": ""}, "KERNEVO_SERVER_PASSWORD must be set"),
        ({"KERNEVO_SERVER_PASSWORD": "two\nlines"}, "must be one line of text"),
        ({"KERNEVO_SERVER_PORT": "0"}, "must be 1 to 65535, got '0'"),
        ({"KERNEVO_SERVER_PORT": "65536"}, "must be 1 to 65535, got '65536'"),
        ({"KERNEVO_SERVER_PORT": "http"}, "must be 1 to 65535, got 'http'"),
        ({"KERNEVO_SERVER_WORKERS": "many"}, "must be 1 to 99, got 'many'"),
        ({"KERNEVO_SERVER_HOST": "0.0.0.0"}, "KERNEVO_SERVER_ADMIN_PASSWORD must be set"),
        ({"PYTHON": "/nowhere/python"}, "there is no Python at /nowhere/python"),
    ],
)
def test_wrong_use_is_refused_in_one_line(server: TeamServer, environment: dict[str, str], told: str) -> None:
    code, line = refused(server, **environment)
    assert code == 2
    assert told in line
    assert not server.folder.exists()


def test_a_folder_with_something_else_in_it_is_left_alone(server: TeamServer) -> None:
    server.folder.mkdir()
    (server.folder / "thesis.tex").write_text("years of work")
    code, line = refused(server)
    assert code == 2
    assert "FOLDER must be empty or one made here" in line
    assert [path.name for path in server.folder.iterdir()] == ["thesis.tex"]


def test_a_missing_postgres_tells_the_package(server: TeamServer) -> None:
    code, line = refused(server, KERNEVO_SERVER_POSTGRES="/nowhere")
    assert code == 1
    assert "apt-get install postgresql" in line


def test_a_port_in_use_is_refused_in_one_line(server: TeamServer) -> None:
    with socket.create_server(("127.0.0.1", server.port)):
        code, line = refused(server)
    assert code == 1
    assert f"port {server.port} of 127.0.0.1 must be free" in line
    assert not (server.folder / "database").exists()


def begin_at_once(uri: str, task: Task, searches: int = 4, suites: int = 6) -> None:
    """Make as many runs of one new experiment, which all begin to use new suites of workloads at once."""
    together = threading.Barrier(searches, timeout=60)

    def begin(number: int) -> None:
        store = Store(uri)
        run = store.create(store.experiment("at once"), f"search {number}", {})
        for suite in range(suites):
            together.wait()
            store.use(run.id, msgspec.structs.replace(task, level=suite))

    with ThreadPoolExecutor(searches) as pool:
        list(pool.map(begin, range(searches)))


@pytest.mark.timeout(600)  # four starts of PostgreSQL and two of MLflow, which imports for long
def test_runs_outlive_their_server(server: TeamServer, tmp_path: Path) -> None:
    events, run = searched(), tracked_run("team")
    server.start()
    begin_at_once(server.uri, run.task)
    watched = Tracked(server.uri, run)
    run_id = watched.track(events)
    assert not watched.warnings
    code, line = refused(server)
    assert (code, "is served already: process" in line) == (1, True)

    os.kill(postmaster(server), signal.SIGKILL)
    server.wait_for("PostgreSQL has died and is started again")
    server.wait_until_ready()
    assert set(stored_points(server.uri, run_id)) == expected_points(events)

    kill_everything(server)
    bystander = subprocess.Popen(("sleep", "600"))  # has the process id that the file tells, as it may come
    (server.folder / "database" / "postmaster.pid").write_text(f"{bystander.pid}\n{server.folder}/database\n")
    code, line = refused(server, KERNEVO_SERVER_PASSWORD="guessed")
    assert (code, "KERNEVO_SERVER_PASSWORD is not the one" in line) == (1, True)
    server.start(KERNEVO_SERVER_UPGRADE="1")
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()

    assert sorted(stored_points(server.uri, run_id), key=str) == sorted(expected_points(events), key=str)
    assert stored_artifacts(server.uri, run_id, tmp_path) == expected_artifacts(events, run)
    assert status_of(server.uri, run_id) == "FINISHED"
    assert query(server, f"select count(*) from runs where run_uuid = '{run_id}'") == 1
    assert query(server, "select current_setting('listen_addresses')") == ""
    assert query(server, "select rolsuper from pg_roles where rolname = 'mlflow'") is False
    assert server.stop(signal.SIGINT) == 0
    assert PASSWORD not in "".join(path.read_text() for path in server.folder.glob("*.log"))


def kill_everything(server: TeamServer) -> None:
    """Kill the script and PostgreSQL, as a power cut does; MLflow is left over, or on its way out."""
    database = postmaster(server)
    server.stop(signal.SIGKILL)
    os.kill(database, signal.SIGKILL)
