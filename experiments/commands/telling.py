"""Commands that tell of a run: from its folder, or from what MLflow holds of it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from evo.account import Account, account_of, recorded_digest
from evo.credit import Credits, credits_of
from evo.errors import SeedError, UsageError
from evo.journal import JournalReader
from evo.lineage import Lineage
from evo.pace import pace_of
from evo.past import JournalPast
from evo.replay import recorded_task
from experiments import console, render, render_lineage, render_status
from experiments.console import Printer
from experiments.descent import Descent, earlier, recorded_descent
from experiments.prompts import calls_data, calls_for, show_calls
from experiments.render_opinion import opinion_data
from experiments.run_folder import (
    JOURNAL,
    SETTINGS,
    existing_run_folder,
)
from experiments.tracking_settings import TrackingSettings, without_secrets


def status(folder: Path, show: Printer) -> None:
    """Report where a run stands."""
    with _reading(folder) as journal:
        account, credits, pace = account_of(journal), credits_of(journal), pace_of(journal, time.time())
        opinion = journal.opinion()
        run = _overview(journal, account, credits)
        digest = recorded_digest(journal, account.settled)
        show(
            {
                **render_status.status_data(folder, run, credits, account, pace, digest),
                "second_opinion": opinion_data(opinion),
            },
            lambda console: render_status.show_status(console, run, credits, account, pace, opinion),
        )


def best(folder: Path, show: Printer) -> None:
    """Report the best kernel of a run."""
    with _reading(folder) as journal:
        number = credits_of(journal).elite
        elite = None if number is None else JournalPast(journal).individual(number)
        if elite is None or elite.candidate.kernel is None:
            raise UsageError(f"run {folder} has no best kernel yet: nothing is evaluated")
        source = elite.candidate.kernel.source
        show(
            {**render.individual_data(elite), "source_text": source},
            lambda _: click.echo(source, nl=False),
        )


def lineage(folder: Path, number: int | None, relation: str, show: Printer) -> None:
    """Report the line of descent of a candidate, those related to it, or what models were asked for it."""
    with _reading(folder) as journal:
        descent = recorded_descent(folder, journal)
        start = descent.elite if number is None else number
        if relation == "prompt":
            calls = calls_for(journal, start)
            show(calls_data(start, calls), lambda console: show_calls(console, start, calls))
            return
        if relation == "line":
            with earlier(folder, descent.origin(start)) as former:
                line = [(descent, start), *former]
                show(render_lineage.line_data(line), lambda console: render_lineage.show_line(console, line))
            return
        numbers = _related(descent, start, relation)
        show(
            render_lineage.lineage_data(descent.individuals, numbers),
            lambda console: render_lineage.show_candidates(
                console, descent.title, descent.individuals, numbers, steps=False
            ),
        )


def report(folders: Sequence[Path], out: Path | None, show: Printer) -> None:
    """Write the report of a run, or of several that are compared, and report where it is."""
    from experiments.report.writing import write_comparison, write_report  # no other command needs jinja2

    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise UsageError(f"--out must be a file in a folder that is there, got {out}")
    path = write_report(folders[0], out) if len(folders) == 1 else write_comparison(folders, out)
    size = path.stat().st_size
    show(
        {"report": str(path), "bytes": size},
        lambda console: console.print(f"{path}, {size / 1e6:.2f} MB: open it in a browser"),
    )


def tracked_lineage(store: str, run: str, number: int | None, relation: str, show: Printer) -> None:
    """Report as `lineage` does, from what MLflow holds of a run alone; it has no sources of most kernels."""
    from experiments.tracking_lineage import tracked  # MLflow takes seconds to import

    named = None if store == "mlflow" else store
    if named is None and "MLFLOW_TRACKING_URI" not in os.environ:
        raise UsageError("--from mlflow asks the store that MLFLOW_TRACKING_URI names, it is not set")
    if relation == "prompt":
        raise UsageError("--prompt reads a run folder; MLflow shows what models were asked as traces")
    found = tracked(TrackingSettings(uri=named).store(Path("runs"), os.environ), run)
    descent = found.descent
    start = descent.elite if number is None else number
    if relation == "line":
        line = [(descent, start)]
        data = render_lineage.line_data(line)
        show(found.with_digests(data), lambda console: render_lineage.show_line(console, line))
        return
    numbers = _related(descent, start, relation)
    show(
        found.with_digests(render_lineage.lineage_data(descent.individuals, numbers)),
        lambda console: render_lineage.show_candidates(
            console, descent.title, descent.individuals, numbers, steps=False
        ),
    )


def sync(folder: Path, uri: str | None) -> None:
    """Rebuild a run in MLflow from its journal."""
    from experiments.syncing import sync_run  # MLflow takes seconds to import

    existing_run_folder(folder, SETTINGS, JOURNAL)
    store, synced = sync_run(folder, uri)
    done = "replaced" if synced.replaced else "brought up to date"
    with console.writing():
        console.output().print(
            f"{done}: run {synced.run_id} in {without_secrets(store)}, {synced.points} new metric points, "
            f"{synced.artifacts} files, {synced.runs} runs, {synced.traces} traces"
        )


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[JournalReader]:
    """Open the journal of a run, also while it is searching.

    Raises:
        RunFolderError: no session of the run has begun.
    """
    existing_run_folder(folder, JOURNAL)
    with JournalReader(folder / JOURNAL) as journal:
        recorded_task(journal)
        yield journal


def _related(descent: Descent, start: int, relation: str) -> tuple[int, ...]:
    """Return the numbers of a candidate's ancestors or descendants, or of all there are."""
    family = Lineage(descent.proposals)
    related: dict[str, Callable[[int], tuple[int, ...]]] = {
        "ancestors": family.ancestors,
        "descendants": family.descendants,
        "all": lambda _: tuple(descent.proposals),
    }
    return related[relation](start)


def _overview(journal: JournalReader, account: Account, credits: Credits) -> render.Overview:
    """Return what the tables of a run show of it as a whole.

    Raises:
        SeedError: the seed kernel did not pass.
    """
    task, identity = recorded_task(journal)
    past = JournalPast(journal)
    begun = credits.elite is not None
    seed = journal.told(0)
    if seed and seed[-1].final and not seed[-1].evaluation.passed:
        raise SeedError.of(task.name, seed[-1].evaluation.status, seed[-1].evaluation.feedback)
    return render.Overview(
        task=task.name, device=identity.device, source=identity.source, told=account.told,
        generations=account.generation,
        elite=None if credits.elite is None else past.individual(credits.elite),
        baseline=past.individual(0).evaluation if begun else None,
    )  # fmt: skip
