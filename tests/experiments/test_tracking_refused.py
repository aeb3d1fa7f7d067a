"""Stores that cannot be written: each is told in one clear line, and the search goes on."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from experiments.tracking_settings import TrackingFailure
from experiments.tracking_sync import sync
from tests.experiments.tracked import PATIENCE, Tracked, searched, tracked_run

TRACK = """
import sys
from tests.experiments.tracked import Tracked, searched, tracked_run
watched = Tracked(sys.argv[1], tracked_run("full"))
for event in searched(41):
    watched.tracker.record(event)
watched.tracker.close()
print("\\n".join(watched.warnings))
"""


def refusal(uri: str) -> str:
    """Return the one line that tells of a store that cannot be written; a sync says the same."""
    watched = Tracked(uri, tracked_run("refused"))
    for event in searched(6):
        watched.tracker.record(event)
    watched.tracker.close()
    assert watched.tracker.behind
    [line] = watched.warnings
    with pytest.raises(TrackingFailure) as raised:
        sync([(1_700_000_000.0, event) for event in searched(6)], uri, tracked_run("refused"), None)
    assert line.endswith(str(raised.value))
    assert "`kernevo sync` makes up for it" in line
    assert len(line.splitlines()) == 1
    return str(raised.value)


@contextmanager
def answering(status: int, body: str, kind: str = "text/html") -> Iterator[str]:
    """Serve the same answer to whatever is asked, and yield the server's URI."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = do_PATCH = answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.mark.parametrize("status", [200, 404])
def test_a_server_that_is_no_mlflow(status: int) -> None:
    with answering(status, "<html>\n<body>welcome to something else</body></html>") as uri:
        said = refusal(uri)
    assert said.startswith(f"the tracking store {uri} must answer, got MlflowException: API request")


def test_no_permission() -> None:
    body = '{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}'
    with answering(403, body, "application/json") as uri:
        assert refusal(uri).endswith("PERMISSION_DENIED: Permission denied")


def test_a_schema_of_another_version(tmp_path: Path) -> None:
    Tracked(PATIENCE.store(tmp_path, {}), tracked_run("first")).track([])
    old = tmp_path / "old.db"
    shutil.copy(tmp_path / "mlflow.db", old)  # MLflow keeps what it once opened
    with closing(sqlite3.connect(old)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    said = refusal(f"sqlite:///{old}")
    assert "out-of-date database schema" in said
    assert "mlflow db upgrade" in said


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("something else")
    assert refusal(PATIENCE.store(tmp_path, {})).endswith("file is not a database")


def test_a_full_artifact_store(tmp_path: Path) -> None:
    artifacts = tmp_path / "mlartifacts"
    artifacts.mkdir()
    mount = [
        "unshare",
        "-rm",
        "sh",
        "-c",
        'mount -t tmpfs -o size=32k none "$0" && exec "$@"',
        str(artifacts),
    ]
    if (
        not shutil.which("unshare")
        or subprocess.run([*mount, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no namespace of our own can be had to mount a small file system in")
    done = subprocess.run(
        [*mount, sys.executable, "-c", TRACK, PATIENCE.store(tmp_path, {})],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    [line] = done.stdout.splitlines()
    assert line.startswith("MLflow is behind, the search goes on (`kernevo sync` makes up for it): ")
    assert "No space left on device" in line
    assert done.stderr == ""
