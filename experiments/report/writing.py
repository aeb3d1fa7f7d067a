"""Writes reports: of one run into its folder, or of several that are compared."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evo.credit import credits_of
from evo.evaluation import Evaluation, Status
from evo.journal import JournalReader
from experiments.report import graph, tables
from experiments.report.choosing import drawn, weighty
from experiments.report.details import letters, verdicts
from experiments.report.devices import Roof, device_of, roofs
from experiments.report.fates import RunTold
from experiments.report.gather import gather
from experiments.report.packing import packed
from experiments.report.page import rendered
from experiments.report.redaction import Redaction
from experiments.report.story import place, story
from experiments.run_folder import JOURNAL, REPORT, existing_run_folder, write_whole
from fitness.packages import own_version

COMPARISON = "comparison.html"
PAGE = ("family.js", "layout.js", "painting.js", "graph.js", "diff.js", "inspector.js", "rooflines.js",
        "report.js")  # fmt: skip


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of a run, by default into its folder as `report.html`, and return its path.

    Raises:
        UsageError: no run folder, or one in which no session has begun.
        RunFailure: the journal cannot be read, or the file not be written.
    """
    return write_whole(out or folder / REPORT, report(folder), shared=True)


def write_comparison(folders: Sequence[Path], out: Path | None = None) -> Path:
    """Write what several runs came to, by default beside the first as `comparison.html`; return its path.

    Raises:
        UsageError: as `write_report`.
        RunFailure: as `write_report`.
    """
    return write_whole(out or folders[0].absolute().parent / COMPARISON, comparison(folders), shared=True)


def report(folder: Path) -> str:
    """Return the report of a run as one HTML page that loads nothing.

    Raises:
        UsageError: as `write_report`.
        RunFailure: the journal cannot be read.
    """
    redact = _redaction()
    with _snapshot(folder) as journal:
        run, credits = gather(journal, folder, redact), credits_of(journal)
        device = device_of(run)
        rooflines = [] if device is None else roofs(run, device)
        numbers = drawn(run)
        order = weighty(run, numbers)
        texts, asked = verdicts(journal, order, redact), letters(journal, run, order, redact)
        winner = None if run.winner is None else run.winner.number
        elites = tables.elite_rows(run, journal, rooflines)
        seed, best = _told(journal, run, 0), _told(journal, run, winner)
        points = {number: journal.told(number)[-1].evaluation for number in run.elites}
    operators = graph.operators_of(run, [each.operator for each in credits.operators])
    columns = graph.columns(run, numbers, operators) | {
        "verdicts": [texts.places.get(number, -1) for number in numbers],
        "letters": [asked.places.get(number, -1) for number in numbers],
        "asked": [int(number in run.calls) for number in numbers],
    }
    islands = 1 + max((each.island for each in run.fates.values()), default=0)
    data = {
        "source": run.source,
        "operators": operators,
        "statuses": graph.statuses(run),
        "islands": islands,
        "winner": winner,
        "line": [] if winner is None else run.line(winner),
        "elites": run.elites,
        "graph": packed(columns),
        "verdicts": texts.packages,
        "letters": asked.packages,
        "seed": {each.workload: each.latency_ms for each in seed.measurements} if seed else {},
        "curves": [graph.curve(run) | {"name": run.name, "source": run.source}],
        "roofs": [_roofline(roof, run, points) for roof in rooflines],
    }
    steps = tables.steps(run)
    unchanged = 0 if winner is None else len(run.line(winner)) - len(steps)
    return rendered(
        "report.html", PAGE, data, run=run, story=story(run), where=place(run), device=device,
        begun=_day(run.begun), islands=islands, left_out=len(run.fates) - len(numbers),
        textless=len(numbers) - len(texts.places), steps=steps, credits=credits,
        workloads=tables.workload_rows(seed, best, run, rooflines) if seed and best else [],
        models=tables.model_credits(run), failures=tables.failures(run), elites=elites, roofs=rooflines,
        elites_left_out=len(run.elites) - len(elites), unchanged=unchanged, paid=_paid(run),
        version=own_version(), instruction=redact(run.task.instruction),
    )  # fmt: skip


def comparison(folders: Sequence[Path]) -> str:
    """Return what several runs came to as one HTML page that loads nothing.

    Raises:
        UsageError: as `write_report`.
        RunFailure: a journal cannot be read.
    """
    redact, runs = _redaction(), []
    for folder in folders:
        with _snapshot(folder) as journal:
            runs.append(gather(journal, folder, redact))
    curves = [graph.curve(run) | {"name": run.name, "source": run.source} for run in runs]
    tasks = list(dict.fromkeys(run.task.name for run in runs))
    return rendered(
        "comparison.html", ("comparison.js",), {"curves": curves}, runs=runs, warnings=_warnings(runs),
        title=" and ".join(tasks) if len(tasks) < 3 else f"{len(tasks)} tasks",
        ends=[_ends(run) for run in runs], stories=[story(run) for run in runs], paid=any(map(_paid, runs)),
        gpu=any(run.latest.gpu_seconds for run in runs),
    )  # fmt: skip


@contextlib.contextmanager
def _snapshot(folder: Path) -> Iterator[JournalReader]:
    """Open the journal of a run as it is now; what a live search adds meanwhile is not seen."""
    existing_run_folder(folder, JOURNAL)
    with JournalReader(folder / JOURNAL) as journal:
        list(journal.rows("BEGIN"))
        yield journal


def _redaction() -> Redaction:
    try:
        home = Path.home()
    except RuntimeError:  # no home folder: nothing to hide of it
        home = Path("/")
    return Redaction(home, os.environ)


def _told(journal: JournalReader, run: RunTold, number: int | None) -> Evaluation | None:
    """Return the evaluation of a candidate, if it was told."""
    return None if number is None or number not in run.fates else journal.told(number)[-1].evaluation


def _roofline(roof: Roof, run: RunTold, evaluations: dict[int, Evaluation]) -> dict[str, Any]:
    """Return a roof and what each elite reaches on its workload."""
    latencies = {
        number: each.latency_ms
        for number, evaluation in evaluations.items()
        for each in evaluation.measurements
        if each.workload == roof.workload
    }
    size = next(each.bytes for each in run.task.workloads if each.name == roof.workload)
    return {
        "workload": roof.workload, "dtype": roof.dtype, "intensity": roof.intensity, "bytes": size,
        "memory": roof.memory, "compute": roof.compute,
        "points": [[number, float(f"{ms:.5g}")] for number, ms in latencies.items()],
    }  # fmt: skip


def _warnings(runs: Sequence[RunTold]) -> list[str]:
    """Return what must be known before the runs are compared."""
    warnings = []
    if len({run.task.digest for run in runs}) > 1:
        warnings.append(
            "These runs are of different tasks: each speed-up is over its own task’s seed kernel."
        )
    if len({(run.identity.device, run.source) for run in runs}) > 1:
        warnings.append(
            "These runs are of different devices or sources: each speed-up is over the seed on its own, "
            "and modelled figures are not measured ones."
        )
    elif runs and runs[0].source == "modelled":
        warnings.append("All figures are modelled: they come from a cost model, nothing was measured.")
    return warnings


def _ends(run: RunTold) -> tuple[int, int, int]:
    """Return how many candidates passed, repeated others and failed."""
    statuses = Counter(each.status for each in run.fates.values())
    passed, repeated = statuses[Status.PASSED], statuses[Status.DUPLICATE]
    return passed, repeated, statuses.total() - passed - repeated


def _paid(run: RunTold) -> bool:
    return bool(run.latest.tokens or run.latest.dollars)


def _day(at: float | None) -> str:
    return "" if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
