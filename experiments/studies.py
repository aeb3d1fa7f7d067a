"""Studies: the experiment of `kernevo study`, step by step. For another experiment, change it here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from experiments.console import Printer, messages
from experiments.interrupts import INTERRUPTED
from experiments.study.announcing import Announcer
from experiments.study.currency import Currency
from experiments.study.folder import PILOT, RESULTS, SIMULATED, claim_study
from experiments.study.gathered import Gathered, gathered, together
from experiments.study.grid import in_order
from experiments.study.laying_out import Grid, laid_out, through
from experiments.study.measuring import Measured, measured
from experiments.study.pilot import pilot_of, power_text, powers
from experiments.study.plan import Plan, plan_of
from experiments.study.rates import rates_of
from experiments.study.runner import CACHE, ended, refuse_waiting, run_all
from experiments.study.settings import StudySettings, read_study
from experiments.study.simulating import past_runs, prediction_table, simulated
from experiments.study.worker import Order
from experiments.study.writing import write_results
from experiments.tracking_settings import TrackingFailure


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a study.

    Attributes:
        config: of the study.
        changes: `key=value`, over the config.
        out: the study's folder; by default `runs/NAME`.
        workers: runs that are searched side by side, each by a process of its own unless a GPU measures; by
            default half as many as there are cores.
    """

    config: Path
    changes: Sequence[str] = ()
    out: Path | None = None
    workers: int | None = None


def study(request: Request, show: Printer) -> int:
    """Search all cells of a study, from wherever it stopped, and leave tables, figures and a page.

    Interrupted, it takes an early look at the seeds that are through, if there are any. Return the exit code.
    """
    settings, grid, folder, workers = _begun(request)
    expected = planned(settings, grid, folder, workers)
    claim_study(folder, settings)
    whole = search(settings, grid, folder, workers)
    seen = grid if whole else through(grid, folder)
    if seen.cells or seen.given:
        found = measured(settings, seen.cells, gathered_from(settings, seen, folder), seen.levels)
        path = write_results(found, folder, folder / RESULTS, expected.text, paths_of(seen))
        track(found, seen, folder)
        show(_data(found, path), lambda console: _show(console, found, path))
    return 0 if whole else INTERRUPTED


def plan(request: Request, show: Printer) -> int:
    """Say what a study will cost; nothing is spent."""
    settings, grid, folder, workers = _begun(request)
    told = planned(settings, grid, folder, workers)
    show(msgspec.to_builtins(told), lambda console: console.print(told.text))
    return 0


def pilot(request: Request, show: Printer) -> int:
    """Search a small slice of a study, and say what all of it will cost and how many seeds it needs."""
    settings, grid, folder, workers = _begun(request)
    small = pilot_of(settings)
    slice_of_it = laid_out(small, os.environ)
    claim_study(folder / PILOT, small)
    if not search(small, slice_of_it, folder / PILOT, workers):
        return INTERRUPTED
    seen = gathered_from(small, slice_of_it, folder / PILOT)
    told, needed = planned(settings, grid, folder, workers), powers(seen, settings.baseline or seen.mixes[0])
    text = power_text(needed, len(seen.tasks), len(settings.seed_numbers))
    data = {"plan": msgspec.to_builtins(told), "power": msgspec.to_builtins(needed)}
    show(data, lambda console: console.print(f"{told.text}\n\n{text}"))
    return 0


def simulate(request: Request, show: Printer) -> int:
    """Run all cells of a study on paper, on landscapes fitted to past runs; no kernel is evaluated."""
    settings, grid, folder, workers = _begun(request)
    past = past_runs(settings.recorded, folder, grid.place.label if grid.place else "")
    on_paper = simulated(grid.cells, past, settings.budget, workers)
    found = measured(settings, grid.cells, on_paper, grid.levels, simulated=True)
    found = found.with_table(prediction_table(grid.cells, past))
    expected = planned(settings, grid, folder, workers)
    path = write_results(found, folder / SIMULATED, folder / SIMULATED, expected.text, {})
    show(_data(found, path), lambda console: _show(console, found, path))
    return 0


def planned(settings: StudySettings, grid: Grid, folder: Path, workers: int) -> Plan:
    """Return what the cells that are to be searched will cost at most."""
    rates = rates_of(folder, grid.cells, asks_models=grid.asks_models, has_gpu=grid.has_gpu)
    return plan_of(settings.name, settings.question, grid.cells, settings.budget, rates, workers, grid.where)


def search(settings: StudySettings, grid: Grid, folder: Path, workers: int) -> bool:
    """Search what is not searched yet: seed by seed, tasks taking turns, as many runs at once as workers.

    Return whether all is done; it is not if it was interrupted.
    """
    if grid.fitness is None:
        return True
    runs = list(in_order(grid.cells))
    cache = folder / CACHE if shares_verdicts(settings) else None
    order = Order(
        folder=folder, fitness=grid.fitness, cache=cache, reports=settings.reports, one_process=grid.has_gpu
    )
    try:
        run_all(runs, order, workers, Announcer(messages(), runs))
    except KeyboardInterrupt:
        return False
    refuse_waiting([run.path for run in runs if not ended(folder / run.path)])
    return True


def gathered_from(settings: StudySettings, grid: Grid, folder: Path) -> Gathered:
    """Return the traces of all cells, each cut where its share of the budget is spent."""
    own = gathered(folder, grid.cells, settings.budget).cells if grid.cells else ()
    return together([*own, *grid.given])


def track(found: Measured, grid: Grid, folder: Path) -> None:
    """Show the study in MLflow, if it is to be: one parent run with all its runs nested.

    In an outage it says so; the same command makes up for it.
    """
    tracking = found.study.tracking
    if not tracking.enabled:
        return
    from experiments.tracking_study import show_study  # imports MLflow, which takes seconds

    uri = tracking.store(folder.absolute().parent, os.environ)
    try:
        show_study(uri, found, grid.cells, folder, folder / RESULTS)
    except TrackingFailure as failure:
        messages().print(f"MLflow was not told of all of it: {failure}", soft_wrap=True)


def paths_of(grid: Grid) -> dict[tuple[str, str, int], tuple[str, ...]]:
    """Return the folders of the runs that were searched here, by mix, task and seed."""
    return {(cell.mix, cell.task, cell.seed): tuple(run.path for run in cell.runs) for cell in grid.cells}


def shares_verdicts(settings: StudySettings) -> bool:
    """Return whether runs share verdicts: not where wall time is counted, which they would distort."""
    return settings.cache and settings.budget.currency is not Currency.WALL_SECONDS


def _begun(request: Request) -> tuple[StudySettings, Grid, Path, int]:
    """Return what is asked, with everything refused that can be refused before anything is spent."""
    settings = read_study(request.config, request.changes)
    grid = laid_out(settings, os.environ)
    workers = request.workers or max(1, (os.cpu_count() or 1) // 2)
    return settings, grid, request.out or Path("runs") / settings.name, workers


def _data(found: Measured, page: Path) -> dict[str, Any]:
    return {
        "study": found.study.name, "where": found.where, "page": str(page),
        "verdict": None if found.verdict is None else found.verdict.sentence,
        "mixes": found.rows("mixes"), "pairs": found.rows("pairs"),
    }  # fmt: skip


def _show(console: Console, found: Measured, page: Path) -> None:
    table = Table()
    for heading in ("mix", "runs", "depth", "best speed-up", "95% interval", "call", "right"):
        table.add_column(heading)
    for row in found.rows("mixes"):
        low, high = row["best_speedup_low"], row["best_speedup_high"]
        table.add_row(
            row["mix"], str(row["runs"]), str(row["depth"]), f"{row['best_speedup']:.3f}×",
            "unknown" if low is None else f"{low:.3f} to {high:.3f}", f"{row['call_accuracy']:.0%}",
            f"{row['execution_accuracy']:.0%}",
        )  # fmt: skip
    console.print(found.where)
    console.print(table)
    for row in found.rows("predictions") if found.simulated else ():
        console.print(
            f"{row['task']}: {row['runs']} runs of {row['steps']} candidates, each as the others predict it, "
            f"are off by {row['error']:.3f} doublings of speed; {row['covered']:.0%} of their steps lie in "
            "the 90% band"
        )
    if found.verdict is not None:
        console.print(found.verdict.sentence)
    console.print(f"{page}: open it in a browser")
