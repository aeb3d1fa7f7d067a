"""Simulating: a study's cells on paper, on landscapes fitted to the journals of past runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from evo.errors import UsageError
from experiments.bench.results import RESULTS
from experiments.pools import spawned
from experiments.run_folder import JOURNAL, SETTINGS
from experiments.study.currency import Allowance, spent
from experiments.study.gathered import Gathered, Searched, together, within
from experiments.study.grid import RUNS, Cell
from experiments.study.journals import ARCHIVE, unpack
from experiments.study.simulator.prediction import Recorded, predictions, recorded
from experiments.study.simulator.recorded import RecordedWorld
from experiments.study.simulator.simulate import simulate
from experiments.study.tables import Row, Table
from experiments.study.trace import Trace

COMMITTED = RESULTS / "studies"
HELD_OUT = 5
"""Runs of each task that are left out in turn and predicted by the others, at most: the longest."""

REPETITIONS = 30


def simulated(cells: Sequence[Cell], past: Sequence[Recorded], budget: Allowance, workers: int) -> Gathered:
    """Return the cells as they come out on landscapes fitted to past runs; the same whatever the workers.

    Raises:
        UsageError: a task of which nothing was recorded, or cells that differ in their operators.
    """
    _refuse_operators(cells)
    worlds = {task: _traces_of(task, past) for task in dict.fromkeys(cell.task for cell in cells)}
    _refuse_endless(worlds, budget)
    with spawned(workers) as pool:
        jobs = [pool.submit(_cell, cell, worlds[cell.task], budget) for cell in cells]
        return together([job.result() for job in jobs])


def past_runs(sources: Sequence[str], folder: Path, device: str = "") -> list[Recorded]:
    """Return the runs to fit landscapes to, each once: of one seed and task the longest.

    They come from study folders or archives of journals; by default from the study's own folder, or else
    from the studies that are committed, of which those on the study's device are taken if there are any.

    Raises:
        UsageError: a source in which there is no run.
    """
    has_own = (folder / RUNS).is_dir()
    own = [folder] if has_own else sorted(COMMITTED.glob(f"*/{ARCHIVE}"))
    longest: dict[tuple[str, str, int], Recorded] = {}
    for source in [Path(each) for each in sources] or own:
        for run in _read(source):
            trace = run.trace
            key = (trace.task, trace.device, trace.seed)
            if key not in longest or len(longest[key].trace.steps) < len(trace.steps):
                longest[key] = run
    past = list(longest.values())
    if sources or has_own:
        return past
    return [run for run in past if run.trace.device == device] or past


def prediction_table(cells: Sequence[Cell], past: Sequence[Recorded]) -> Table:
    """Return a row a task: how well runs that are left out are predicted by the others; log2 speed-ups."""
    rows: list[Row] = []
    for task in dict.fromkeys(cell.task for cell in cells):
        own = sorted((run for run in past if run.trace.task == task), key=lambda run: -len(run.trace.steps))[
            :HELD_OUT
        ]
        told = list(predictions(own, REPETITIONS))
        if told:
            rows.append({
                "task": task, "runs": len(told), "steps": told[0].steps,
                "covered": float(np.mean([each.covered for each in told])),
                "error": float(np.mean([each.error for each in told])),
                "naive_error": float(np.mean([each.naive_error for each in told])),
                "seen": float(np.mean([each.seen for each in told])),
                "predicted": float(np.mean([each.predicted for each in told])),
            })  # fmt: skip
    title = "Runs left out in turn, as they were and as the others predict them; log2 speed-ups."
    return Table(name="predictions", title=title, rows=tuple(rows))


def _read(source: Path) -> Iterator[Recorded]:
    """Yield the runs of a study folder or of an archive."""
    if source.is_dir():
        folders = sorted(path.parent for path in source.rglob(JOURNAL) if (path.parent / SETTINGS).is_file())
        if not folders:
            raise UsageError(f"a landscape is fitted to runs, {source} holds none")
        yield from map(recorded, folders)
        return
    if not source.is_file():
        raise UsageError(f"recorded must be study folders or archives of journals, {source} is neither")
    with tempfile.TemporaryDirectory(prefix="kernevo-journals-") as scratch:
        yield from map(recorded, unpack(source, Path(scratch)))


def _traces_of(task: str, past: Sequence[Recorded]) -> tuple[Trace, ...]:
    traces = tuple(run.trace for run in past if run.trace.task == task)
    if not traces:
        known = ", ".join(sorted({run.trace.task for run in past})) or "none"
        raise UsageError(f"no run of task {task} was recorded to fit a landscape to, only of: {known}")
    devices = sorted({trace.device for trace in traces})
    if len(devices) > 1:
        raise UsageError(f"a landscape is fitted to runs on one device, got {', '.join(devices)} for {task}")
    return traces


def _refuse_endless(worlds: Mapping[str, Sequence[Trace]], budget: Allowance) -> None:
    """Refuse a currency of which past runs spent nothing, so that no run on paper would ever end."""
    for task, traces in worlds.items():
        if not any(spent(step, budget.currency) > 0 for trace in traces for step in trace.steps):
            raise UsageError(f"the past runs of task {task} spent no {budget.currency.noun} to go by")


def _cell(cell: Cell, traces: Sequence[Trace], budget: Allowance) -> Searched:
    world = RecordedWorld.of(traces)
    runs = (simulate(world, run.settings.search, cell.mix) for run in cell.runs)
    cut = tuple(within(trace, budget, len(cell.runs)) for trace in runs)
    return Searched(mix=cell.mix, task=cell.task, seed=cell.seed, traces=cut)


def _refuse_operators(cells: Sequence[Cell]) -> None:
    """Refuse cells that differ in their operators: on paper those are asked as they were in the past runs."""
    first = cells[0]
    for cell in cells:
        if cell.runs[0].settings.operators != first.runs[0].settings.operators:
            raise UsageError(
                f"on paper all mixes have the operators of the past runs, but those of {cell.mix!r} differ "
                f"from those of {first.mix!r}"
            )
