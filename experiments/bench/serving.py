"""The team's tracking server, as `mlflow/start` runs it, for benchmarks and tests to start and to break."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

START = Path(__file__).parents[2] / "mlflow" / "start"
PASSWORD = "it's a p@ss:word/100%"
READY_IN = STOPPED_IN = 120
"""Seconds that a server has to answer or to stop in."""


class TeamServer:
    """PostgreSQL and MLflow on a free loopback port, in a folder of their own that holds their data.

    Attributes:
        folder: what `mlflow/start` serves; anybody may enter the one that it is in, since PostgreSQL, which
            root cannot run, must reach it.
        uri: where MLflow answers while it runs.
    """

    def __init__(self) -> None:
        """Choose a folder and a port; nothing is started."""
        self._home = Path(tempfile.mkdtemp(prefix="kernevo-server-"))
        self._home.chmod(0o711)
        self.folder = self._home / "team server"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def begin(self, **environment: str) -> subprocess.Popen[str]:
        """Run `mlflow/start` with changes to its environment, and return it at once.

        It heeds Ctrl-C also where a shell put all of us in the background, deaf to it.
        """
        settings = {
            "PYTHON": sys.executable,
            "KERNEVO_SERVER_PASSWORD": PASSWORD,
            "KERNEVO_SERVER_PORT": str(self.port),
            "KERNEVO_SERVER_WORKERS": "1",
        }
        return subprocess.Popen(
            ("env", "--default-signal=INT", START, self.folder),
            env=os.environ | settings | environment, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def start(self, **environment: str) -> None:
        """Start both and wait until MLflow answers.

        Raises:
            RuntimeError: they do not start; says what `mlflow/start` said.
        """
        self._process = self.begin(**environment)
        self.wait_for("serves")

    def wait_for(self, word: str) -> str:
        """Return what `mlflow/start` says from now on, up to the line with this word.

        Raises:
            RuntimeError: it has ended before that.
        """
        if self._process is None or self._process.stdout is None:
            raise RuntimeError("the server must be started first")
        told = ""
        for line in self._process.stdout:
            told += line
            if word in line:
                return told
        raise RuntimeError(f"the server must say {word!r} before it ends, got {told!r}")

    def wait_until_ready(self) -> None:
        """Wait until MLflow reaches its database, which it does not while PostgreSQL starts again."""
        address = f"{self.uri}/api/2.0/mlflow/experiments/search?max_results=1"
        until = time.monotonic() + READY_IN
        while True:
            try:
                with urllib.request.urlopen(address, timeout=READY_IN):
                    return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send `mlflow/start` a signal, wait for its end and return its exit code; 0 if it did not run."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(how)
        process.communicate(timeout=STOPPED_IN)
        return process.returncode

    def remove(self) -> None:
        """Stop, and remove the data."""
        self.stop()
        shutil.rmtree(self._home)
