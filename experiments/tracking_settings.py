"""What the tracker is told: where MLflow is, and which run it shows. Importing this imports no MLflow."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from evo.errors import RunFailure, SettingsError
from evo.evaluation import Source
from evo.task import Task
from experiments.run_folder import JOURNAL, REPORT

DATABASE = "mlflow.db"
"""The SQLite store that a runs' parent folder holds unless settings or environment name another store."""

IDENTITY = "kernevo_run"
"""The tag that holds a run's identity."""

SECRETS = ("KEY", "TOKEN", "PASSWORD", "SECRET")
SHORTEST_SECRET = 8

T = TypeVar("T")
_SQLITE = "sqlite:///"
_SECRET = re.compile(r"(?<=://)[^/@\s]*@")


class TrackingFailure(RunFailure):
    """The tracking store does not answer, or refuses what it is given; the journal has everything."""


class TrackingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the MLflow tracker.

    Attributes:
        enabled: whether a search is tracked at all.
        uri: the tracking store, such as `http://127.0.0.1:5000` or `sqlite:////runs/mlflow.db`; None takes
            the environment's MLFLOW_TRACKING_URI, and without one a SQLite file beside the runs.
        queue: events that may wait to be written before the tracker gives up.
        close_seconds: time at the end of a session for what is still to be written.
        elites: nested runs that a run has at most; the oldest is deleted when there is one more.

    Raises:
        SettingsError: a URI that is no store MLflow 3 writes to, one that holds a password, a limit below 1.
    """

    enabled: bool = True
    uri: str | None = None
    queue: int = 10_000
    close_seconds: float = 20.0
    elites: int = 200

    def __post_init__(self) -> None:
        """Refuse what no store can be reached by."""
        if self.uri is not None:
            _check(self.uri)
        for name in ("queue", "elites"):
            value = getattr(self, name)
            if value < 1:
                raise SettingsError(f"tracking.{name} must be at least 1, got {value}")
        if not 0 < self.close_seconds <= 3600:
            raise SettingsError(f"tracking.close_seconds must be 0 to 3600, got {self.close_seconds}")

    def store(self, runs: Path, environ: Mapping[str, str]) -> str:
        """Return the store's URI for runs kept in the folder `runs`; a SQLite path in it is absolute."""
        uri = self.uri or environ.get("MLFLOW_TRACKING_URI") or f"{_SQLITE}{runs / DATABASE}"
        path = sqlite_path(uri)
        return uri if path is None else f"{_SQLITE}{path.absolute()}"


class TrackedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A search as MLflow shows it.

    Attributes:
        name: the run folder's name.
        task: what is searched for, workloads and all.
        device, source: of all evaluations.
        seed: the search's seed.
        folder: the run folder; it is not told, for its path says who and where we are.
        settings: the resolved settings' text.
        params: the same settings, flattened to one value a dotted key.
        version: kernevo's own.
        commit: of kernevo's own sources, if they are a checkout.
        work_commit: of the working directory, if it is in a checkout.
        identity: of the journal; a run whose id was lost on its way to us is found by it.
    """

    name: str
    task: Task
    device: str
    source: Source
    seed: int
    folder: Path
    settings: str
    params: dict[str, str]
    version: str
    commit: str | None = None
    work_commit: str | None = None
    identity: str | None = None

    @property
    def journal(self) -> Path:
        """The run's journal."""
        return self.folder / JOURNAL

    @property
    def report(self) -> Path:
        """The run's report, which need not be there."""
        return self.folder / REPORT

    @property
    def experiment(self) -> str:
        """Name of the MLflow experiment: task × device, always with `measured` or `modelled`."""
        return f"{self.task.name} × {self._device}"

    @property
    def model(self) -> str:
        """Name that champions are registered under, without what MLflow allows in no name of a model."""
        return re.sub(r"[:/\\%]", " ", f"{self.task.name} on {self._device}")

    @property
    def tags(self) -> dict[str, str]:
        """What a run is found by."""
        tags = {
            "task": self.task.name,
            "task_digest": self.task.digest,
            "device": self.device,
            "source": str(self.source),
            "seed": str(self.seed),
            "settings_digest": hashlib.sha256(self.settings.encode()).hexdigest(),
            "kernevo_version": self.version,
        }
        more = {
            "mlflow.source.git.commit": self.commit,
            "git_commit": self.work_commit,
            IDENTITY: self.identity,
        }
        return tags | {name: value for name, value in more.items() if value is not None}

    @property
    def _device(self) -> str:
        return self.device if self.source in self.device else f"{self.device} ({self.source})"


def sqlite_path(uri: str) -> Path | None:
    """Return the file of a SQLite store; None for any other store."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def without_secrets(text: str) -> str:
    """Return the text with user and password taken out of every URL in it."""
    return _SECRET.sub("", text)


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn whatever a store raises into TrackingFailure, without passwords.

    Broad on purpose, and around calls of MLflow only: besides MlflowException there come the errors of
    requests, SQLAlchemy, alembic, the file system and of whichever artifact SDK the server's experiment
    points to (boto, Azure, Google), none of which must reach a search.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001
        reason = (str(error).strip().splitlines() or [""])[0]
        raise TrackingFailure(
            f"the tracking store {without_secrets(uri)} must answer, "
            f"got {type(error).__name__}: {cut(without_secrets(reason), 300)}"
        ) from None


def discreet(text: str) -> str:
    """Return the text with `~` for the home folder, and without the values of secrets in the environment.

    Secrets are variables whose names end in KEY, TOKEN, PASSWORD or SECRET, of 8 characters or more. None of
    it should be in what we write; this is the second line.
    """
    for name, value in os.environ.items():
        if len(value) >= SHORTEST_SECRET and name.upper().endswith(SECRETS):
            text = text.replace(value, "…")
    try:
        home = str(Path.home())
    except RuntimeError:  # nobody's home
        return text
    if home == "/":
        return text
    return re.sub(rf"(?<![\w.-]){re.escape(home)}(?![\w-]|\.\w)", "~", text)


def cut(text: str, length: int) -> str:
    """Return the text, ending in `…` where it was longer than `length`."""
    return text if len(text) <= length else text[: length - 1] + "…"


def parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield the items in their order, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def checkout_commit() -> str | None:
    """Return the commit of the checkout that kernevo runs from, `-dirty` if changed; None without one."""
    root = Path(__file__).parent.parent
    return commit_of(root) if (root / ".git").exists() else None


def commit_of(folder: Path) -> str | None:
    """Return the commit of the checkout that a folder is in, `-dirty` if changed; None if it is in none."""
    command = ("git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _check(uri: str) -> None:
    """Refuse a URI that names no store, or that would carry a secret into settings and journal."""
    user = _SECRET.search(uri)
    if user is not None and ":" in user[0]:
        raise SettingsError(
            "tracking.uri must hold no password (MLFLOW_TRACKING_PASSWORD does, or a MLFLOW_TRACKING_URI "
            f"in the environment), got one for {without_secrets(uri)!r}"
        )
    if uri.startswith("file:") or not ("://" in uri or uri.startswith("databricks")):
        raise SettingsError(
            "tracking.uri must be a server or a database such as 'sqlite:////runs/mlflow.db' "
            f"(MLflow 3 writes to no plain folder), got {uri!r}"
        )
