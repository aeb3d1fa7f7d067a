"""What each command does, once its arguments are read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from evo.account import Account, account_of, recorded_digest
from evo.candidate import Kernel
from evo.credit import Credits, credits_of
from evo.errors import KernevoError, SeedError, UsageError
from evo.evaluation import Evaluation, Status
from evo.events import Paused
from evo.journal import JournalReader
from evo.lineage import Lineage
from evo.objective import Individual
from evo.pace import pace_of
from evo.past import JournalPast
from evo.replay import recorded_task
from evo.task import Role, Task
from experiments import console, render, render_lineage, render_status
from experiments.build import buildable, located, open_evaluator
from experiments.descent import Descent, earlier, recorded_descent
from experiments.models import asked_models
from experiments.prompts import calls_data, calls_for, show_calls
from experiments.reading import read_text
from experiments.render_opinion import in_words, opinion_data
from experiments.render_outcome import show_outcome
from experiments.run_folder import (
    BEST,
    JOURNAL,
    REPORT,
    SETTINGS,
    default_run_folder,
    existing_run_folder,
    new_run_folder,
)
from experiments.session import Session, begin, fresh_engine, go_on, search
from experiments.settings import read_settings
from experiments.shown import corpus_of
from experiments.suites.lint import examine as examine_tasks
from experiments.suites.loader import load_task, task_names
from experiments.tracking_settings import TrackingSettings, without_secrets
from experiments.watching import store_uri, watching
from fitness.policy import breach
from fitness.settings import FitnessSettings

Printer = Callable[[Any, Callable[[Console], None]], None]
"""Shows a report: its data, and how to print it for people."""

INTERRUPTED = 130

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


def evaluate(file: Path, task_name: str, settings: FitnessSettings, show: Printer) -> None:
    """Report the verdict on a kernel file, beside the task's seed kernel."""
    task = load_task(task_name)
    buildable(settings.target)
    kernel = Kernel(read_text(file, "kernel file"))
    broken = breach(kernel.source, task.entry_point)
    if broken and broken.status is Status.MALFORMED:
        raise UsageError(f"{file}: {broken.feedback}")
    evaluation, baseline = asyncio.run(_evaluate(kernel, task, settings))
    show(
        render.evaluation_data(evaluation, baseline),
        lambda console: render.show_evaluation(console, evaluation, baseline),
    )


def tasks(names: Sequence[str], show: Printer) -> None:
    """Report some tasks, or all that come with kernevo."""
    loaded = [load_task(name) for name in names or task_names()]
    table = Table()
    for heading in ("task", "level", "entry point", "check", "timed"):
        table.add_column(heading)
    for task in loaded:
        workloads = (", ".join(each.name for each in task.having(role)) for role in (Role.CHECK, Role.TIME))
        table.add_row(task.name, str(task.level), task.entry_point, *workloads)
    data = [
        {"name": task.name, "level": task.level, "entry_point": task.entry_point,
         "instruction": task.instruction, "workloads": [each.name for each in task.workloads]}
        for task in loaded
    ]  # fmt: skip
    show({"tasks": data}, lambda console: console.print(table))


def check_tasks(names: Sequence[str], target: str, show: Printer) -> int:
    """Report what is wrong with some tasks, or with all that come with kernevo; return the exit code."""
    buildable(target)
    examined = asyncio.run(
        examine_tasks(names or task_names(), FitnessSettings(target=target, device="model"))
    )
    lines = [f"{each.name}: {told}" for each in examined for told in each.faults or ("fit to be searched",)]
    show(
        {"tasks": msgspec.to_builtins(examined)},
        lambda console: console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True),
    )
    return 2 if any(each.faults for each in examined) else 0


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


def _leave_report(session: Session) -> None:
    """Write the report of a run, unless that takes long; no search fails for its report."""
    from experiments.report.writing import write_report

    if not 0 < session.engine.told <= REPORTED:
        return
    try:
        write_report(session.folder)
    except KernevoError as error:
        console.messages().print(f"no report was written: {error}")


async def _evaluate(kernel: Kernel, task: Task, settings: FitnessSettings) -> tuple[Evaluation, Evaluation]:
    """Return the verdicts on a kernel and on the task's seed kernel."""
    async with open_evaluator(settings, seed=0) as evaluator:
        evaluation = await evaluator.evaluate(kernel, task)
        return evaluation, await evaluator.evaluate(task.seed, task)


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[JournalReader]:
    """Open the journal of a run, also while it is searching.

    Raises:
        RunFolderError: no session of the run has begun.
    """
    existing_run_folder(folder, JOURNAL)
    with JournalReader(folder / JOURNAL) as journal:
        _task_of(journal)
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


def _task_of(journal: JournalReader) -> Task:
    """Return the task of a run."""
    return recorded_task(journal)[0]


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


def _viewer(store: str) -> str:
    """Return how to look at an MLflow store."""
    if store.startswith("http"):
        return store
    beside = Path(sys.executable).with_name("mlflow")
    command = "mlflow" if shutil.which("mlflow") else shlex.quote(os.path.relpath(beside))
    return f"{command} server --backend-store-uri {shlex.quote(store)}, then open http://127.0.0.1:5000"
