"""Commands that search: begin a run, go on with one, and show how a session ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console

from evo.credit import credits_of
from evo.errors import KernevoError
from evo.events import Paused
from evo.objective import Individual
from experiments import console
from experiments.build import located
from experiments.interrupts import INTERRUPTED
from experiments.models import asked_models
from experiments.render_opinion import in_words
from experiments.render_outcome import show_outcome
from experiments.run_folder import (
    BEST,
    REPORT,
    SETTINGS,
    default_run_folder,
    existing_run_folder,
    new_run_folder,
)
from experiments.session import Session, begin, fresh_engine, go_on, search
from experiments.settings import read_settings
from experiments.shown import corpus_of
from experiments.tracking_settings import without_secrets
from experiments.watching import store_uri, watching

REPORTED = 5_000
"""Candidates of a run whose report is written at its end at most; `kernevo report` writes that of any run."""


def run(config: Path, changes: Sequence[str], out: Path | None, quiet: bool) -> int:
    """Begin a run and search until it stops; return the exit code."""
    settings = read_settings(config, changes, os.environ)
    engine = fresh_engine(settings)
    folder = new_run_folder(out) if out else default_run_folder(engine.task.name, datetime.now())
    return _search(begin(folder, settings, engine), quiet)


def resume(folder: Path, changes: Sequence[str], quiet: bool) -> int:
    """Go on with a run and return the exit code."""
    existing_run_folder(folder, SETTINGS)
    settings = read_settings(folder / SETTINGS, changes)
    return _search(go_on(folder, settings), quiet)


def watched(session: Session, quiet: bool) -> str | Paused | None:
    """Search and return why it stopped, or what it waits for; None if interrupted, at whatever moment.

    A report is left in the run folder before the trackers close, so that they can show it.
    """
    try:
        with watching(session, quiet) as trackers:
            ending = asyncio.run(search(session, trackers))
            _leave_report(session)
            return ending
    except KeyboardInterrupt:
        return None


def _search(session: Session, quiet: bool) -> int:
    """Search, show how it ended, and return the exit code."""
    with contextlib.closing(session.journal):
        modelled = located(session.settings.fitness).reason
        if modelled and not quiet:
            console.messages().print(f"nothing is measured: {modelled}; latencies are modelled")
        asked = asked_models(session.settings, session.engine.operators, os.environ)
        if asked and not quiet:
            console.messages().print(asked, soft_wrap=True)
            for note in corpus_of(session.settings.operators.llm).notes:
                console.messages().print(f"passed over: {note}", soft_wrap=True, markup=False)
        ending = watched(session, quiet)
        if not quiet:
            with console.writing():
                _show_end(console.output(), session, ending)
        elif session.engine.elite is not None:
            with console.writing():
                click.echo(_result(session.folder, session.engine.elite))
    return 0 if ending else INTERRUPTED


def _show_end(out: Console, session: Session, ending: str | Paused | None) -> None:
    """Print how a session ended."""
    show_outcome(out, session.folder, session.engine, credits_of(session.journal), ending)
    opinion = session.journal.opinion()
    if opinion is not None:
        out.print(f"second opinion: {in_words(opinion)}")
    if session.settings.tracking.enabled:
        store = without_secrets(store_uri(session.folder, session.settings))
        out.print(f"see it: {_viewer(store)}")
    if (session.folder / REPORT).is_file():
        out.print(f"report: {session.folder / REPORT}")


def _result(folder: Path, elite: Individual) -> str:
    """Return in a line what a search has come to."""
    return f"{folder / BEST}: {elite.speedup or 0:.2f}x the seed kernel ({elite.evaluation.source})"


def _leave_report(session: Session) -> None:
    """Write the report of a run, unless that takes long; no search fails for its report."""
    from experiments.report.writing import write_report

    if not 0 < session.engine.told <= REPORTED:
        return
    try:
        write_report(session.folder)
    except KernevoError as error:
        console.messages().print(f"no report was written: {error}")


def _viewer(store: str) -> str:
    """Return how to look at an MLflow store."""
    if store.startswith("http"):
        return store
    beside = Path(sys.executable).with_name("mlflow")
    command = "mlflow" if shutil.which("mlflow") else shlex.quote(os.path.relpath(beside))
    return f"{command} server --backend-store-uri {shlex.quote(store)}, then open http://127.0.0.1:5000"
