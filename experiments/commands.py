"""What each command does, once its arguments are read."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from evo.candidate import Kernel, Proposal
from evo.credit import Credits, credits_of
from evo.engine import Engine
from evo.errors import UsageError
from evo.evaluation import Evaluation, Status
from evo.events import Settled
from evo.identity import LineageDigest
from evo.journal import JournalReader
from evo.lineage import Lineage
from evo.objective import Individual
from evo.past import JournalPast, RecordedIndividuals, RecordedProposals
from evo.replay import recorded_engine, recorded_task, replay
from evo.task import Role, Task
from experiments import console, render
from experiments.build import build_engine, buildable, located, open_evaluator
from experiments.doctor import examine, show_findings
from experiments.reading import read_text
from experiments.run_folder import JOURNAL, SETTINGS, default_run_folder, existing_run_folder, new_run_folder
from experiments.session import Session, begin, go_on, search
from experiments.settings import read_settings
from experiments.suites.lint import examine as examine_tasks
from experiments.suites.loader import load_task, task_names
from experiments.tracking_settings import TrackingSettings, without_secrets
from experiments.watching import store_uri, watching
from fitness.policy import breach
from fitness.settings import FitnessSettings

Printer = Callable[[Any, Callable[[Console], None]], None]
"""Shows a report: its data, and how to print it for people."""

INTERRUPTED = 130


def run(config: Path, changes: Sequence[str], out: Path | None, quiet: bool) -> int:
    """Begin a run and search until it stops; return the exit code."""
    settings = read_settings(config, changes)
    task = load_task(settings.task)
    engine = build_engine(settings, task)
    folder = new_run_folder(out) if out else default_run_folder(task.name, datetime.now())
    return _search(begin(folder, settings, engine), quiet)


def resume(folder: Path, changes: Sequence[str], quiet: bool) -> int:
    """Go on with a run and return the exit code."""
    existing_run_folder(folder, SETTINGS)
    settings = read_settings(folder / SETTINGS, changes)
    return _search(go_on(folder, settings), quiet)


def status(folder: Path, show: Printer) -> None:
    """Report where a run stands."""
    with _reading(folder) as journal:
        engine, digest = _replayed(journal)
        credits = credits_of(journal)
        show(
            render.status_data(folder, engine, credits, digest),
            lambda console: _print_status(console, engine, credits),
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
    """Report the line of descent of a candidate, or those related to it; nothing is folded."""
    with _reading(folder) as journal:
        proposals, individuals = RecordedProposals(journal), RecordedIndividuals(journal)
        start = credits_of(journal).elite if number is None else number
        if start is None or 0 not in proposals:
            raise UsageError(f"run {folder} has no lineage yet: nothing is evaluated")
        numbers = _related(proposals, start, relation)
        seed = individuals[0].evaluation
        title = f"{_task_of(journal).name} on {seed.device} ({seed.source})"
        show(
            render.lineage_data(individuals, numbers),
            lambda console: render.show_candidates(
                console, title, individuals, numbers, steps=relation == "line"
            ),
        )


def tracked_lineage(store: str, run: str, number: int | None, relation: str, show: Printer) -> None:
    """Report as `lineage` does, from what MLflow holds of a run alone; it has no sources of kernels."""
    from experiments.tracking_lineage import members  # MLflow takes seconds to import

    named = None if store == "mlflow" else store
    if named is None and "MLFLOW_TRACKING_URI" not in os.environ:
        raise UsageError("--from mlflow asks the store that MLFLOW_TRACKING_URI names, it is not set")
    found = members(TrackingSettings(uri=named).store(Path("runs"), os.environ), run)
    individuals = {each: member.individual for each, member in found.items()}
    passed = [each for each in individuals.values() if each.evaluation.passed]
    fastest = min(passed, key=lambda each: (-each.fitness.values[1], each.number), default=None)
    start = number if number is not None or fastest is None else fastest.number
    if start is None or 0 not in individuals:
        raise UsageError(f"run {run} has no lineage in MLflow yet: nothing is evaluated")
    numbers = _related(individuals, start, relation)
    data = render.lineage_data(individuals, numbers)
    for each in data["candidates"]:
        each["kernel"] = found[each["number"]].kernel_digest
    seed = individuals[0].evaluation
    title = f"{run} on {seed.device} ({seed.source})"
    show(
        data,
        lambda console: render.show_candidates(
            console, title, individuals, numbers, steps=relation == "line"
        ),
    )


def evaluate(file: Path, task_name: str, target: str, device: str, show: Printer) -> None:
    """Report the verdict on a kernel file, beside the task's seed kernel."""
    task = load_task(task_name)
    buildable(target)
    kernel = Kernel(read_text(file, "kernel file"))
    broken = breach(kernel.source, task.entry_point)
    if broken and broken.status is Status.MALFORMED:
        raise UsageError(f"{file}: {broken.feedback}")
    settings = FitnessSettings(target=target, device=device)
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
    examined = asyncio.run(examine_tasks(names or task_names(), FitnessSettings(target=target)))
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
    console.output().print(
        f"{done}: run {synced.run_id} in {without_secrets(store)}, {synced.points} new metric points, "
        f"{synced.artifacts} files, {synced.runs} runs, {synced.traces} traces"
    )


def doctor(show: Printer) -> None:
    """Report what this machine has."""
    findings = asyncio.run(examine())
    show({"findings": msgspec.to_builtins(findings)}, lambda console: show_findings(console, findings))


def _search(session: Session, quiet: bool) -> int:
    """Search, show how it ended, and return the exit code."""
    with contextlib.closing(session.journal):
        modelled = located(session.settings.fitness).reason
        if modelled and not quiet:
            console.messages().print(f"nothing is measured: {modelled}; latencies are modelled")
        reason = _watched(session, quiet)
        if not quiet:
            out = console.output()
            credits = credits_of(session.journal)
            render.show_outcome(out, session.folder, session.engine, credits, reason)
            if session.settings.tracking.enabled:
                store = without_secrets(store_uri(session.folder, session.settings))
                out.print(f"see it: {_viewer(store)}")
    return 0 if reason else INTERRUPTED


def _watched(session: Session, quiet: bool) -> str | None:
    """Search and return why it stopped; None if it was interrupted, at whatever moment."""
    try:
        with watching(session, quiet) as trackers:
            return asyncio.run(search(session, trackers))
    except KeyboardInterrupt:
        return None


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


def _related(
    members: Mapping[int, Proposal] | Mapping[int, Individual], start: int, relation: str
) -> tuple[int, ...]:
    """Return the numbers of a candidate's relations: its line, ancestors or descendants, or all there are."""
    family = Lineage(members)
    related: dict[str, Callable[[int], tuple[int, ...]]] = {
        "line": family.line,
        "ancestors": family.ancestors,
        "descendants": family.descendants,
        "all": lambda _: tuple(members),
    }
    return related[relation](start)


def _task_of(journal: JournalReader) -> Task:
    """Return the task of a run."""
    return recorded_task(journal)[0]


def _replayed(journal: JournalReader) -> tuple[Engine, str]:
    """Return the engine of a run as far as it came, and its lineage's digest."""
    engine, digest = recorded_engine(journal), LineageDigest()
    for event in replay(journal, engine):
        if isinstance(event, Settled):
            digest.add(event.individual)
    return engine, digest.hexdigest()


def _print_status(console: Console, engine: Engine, credits: Credits) -> None:
    render.show_table(console, engine, credits)
    reason = engine.stopped
    console.print(f"stopped: {reason}" if reason else "not stopped: searching, or interrupted")


def _viewer(store: str) -> str:
    """Return how to look at an MLflow store."""
    if store.startswith("http"):
        return store
    beside = Path(sys.executable).with_name("mlflow")
    command = "mlflow" if shutil.which("mlflow") else shlex.quote(os.path.relpath(beside))
    return f"{command} server --backend-store-uri {shlex.quote(store)}, then open http://127.0.0.1:5000"
