"""Who watches a session: the progress line on standard error, and MLflow."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from evo.engine import Engine
from evo.errors import KernevoError
from evo.events import Failed
from evo.journal import Journal
from evo.protocols import Tracker
from experiments.console import messages
from experiments.progress import Progress
from experiments.session import Session
from experiments.settings import RunSettings, flatten
from experiments.tracking_settings import TrackedRun, checkout_commit, commit_of
from fitness.packages import own_version

TRACKED = "mlflow_run"
"""Where the journal's meta holds the id of the run in MLflow."""

IDENTITY = "identity_in_mlflow"
"""Where it holds what that run is found by if its id is lost."""


@contextmanager
def watching(session: Session, quiet: bool) -> Iterator[list[Tracker]]:
    """Yield the trackers of a session, begun; close them at the end."""
    console = messages()
    search = session.settings.search
    progress = Progress(console, session.engine.source, search.budget.evaluations, session.past, quiet=quiet)
    progress.start()
    trackers: list[Tracker] = [progress]
    try:
        if session.settings.tracking.enabled:
            trackers.append(_mlflow(session, console))
        yield trackers
    except KernevoError as error:
        for tracker in trackers:
            tracker.record(Failed(reason=str(error)))
        raise
    finally:
        for tracker in trackers:
            tracker.close()


def store_uri(folder: Path, settings: RunSettings) -> str:
    """Return the URI of the MLflow store of a run."""
    return settings.tracking.store(folder.absolute().parent, os.environ)


def tracked_run(folder: Path, settings: RunSettings, engine: Engine, journal: Journal) -> TrackedRun:
    """Return a run as MLflow shows it; its identity is drawn the first time, and kept in the journal."""
    identity = journal.meta(IDENTITY, str)
    if identity is None:
        identity = uuid.uuid4().hex
        journal.set_meta(IDENTITY, identity)
    text = settings.to_toml()
    return TrackedRun(
        name=folder.absolute().name, task=engine.task, device=engine.device, source=engine.source,
        seed=engine.settings.seed, folder=folder, settings=text, params=flatten(settings),
        version=own_version(), commit=checkout_commit(),
        work_commit=commit_of(Path.cwd()), identity=identity,
    )  # fmt: skip


def _mlflow(session: Session, console: Console) -> Tracker:
    """Return the tracker that shows the session in MLflow."""
    from experiments.tracking import MlflowTracker  # takes seconds to import, so only where it is wanted

    journal = session.journal
    return MlflowTracker(
        session.settings.tracking,
        store_uri(session.folder, session.settings),
        tracked_run(session.folder, session.settings, session.engine, journal),
        journal.meta(TRACKED, str),
        lambda run_id: journal.set_meta(TRACKED, run_id),
        lambda message: console.print(message, markup=False),
    )
