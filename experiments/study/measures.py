"""Measures: what each cell, each mix, each operator and each level of difficulty came to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evo.evaluation import Status
from experiments.study.estimators.estimate import Array, Estimate
from experiments.study.estimators.over_runs import Tasks, mean_over_runs
from experiments.study.estimators.rates import call_accuracy, execution_accuracy, fast_p, median_of
from experiments.study.estimators.summaries import diversity_of, paid_in_all, staleness_of
from experiments.study.gathered import Gathered, Searched, log2_best
from experiments.study.tables import Row, Table, as_speedup, bounded
from experiments.study.trace import Step, Trace

COUNTED = ("evaluations", "llm_calls", "tokens", "dollars")
"""What is spent alike however fast the machine is."""


def cell_table(study: Gathered, levels: Mapping[str, int]) -> Table:
    """Return a row a cell."""
    rows = [_cell_row(cell, levels) for cell in study.cells]
    return Table(name="cells", title="What each cell came to.", rows=tuple(rows))


def mix_table(study: Gathered, thresholds: Sequence[float]) -> Table:
    """Return a row a mix, over all tasks and seeds."""
    rows = [_mix_row(study, mix, thresholds) for mix in study.mixes]
    return Table(name="mixes", title="What each mix came to, over all tasks and seeds.", rows=tuple(rows))


def level_table(study: Gathered, levels: Mapping[str, int], thresholds: Sequence[float]) -> Table:
    """Return a row a level of difficulty and mix, with what GEAK's paper tells of each."""
    rows = []
    for level in sorted({levels[task] for task in study.tasks}):
        for mix in study.mixes:
            cells = [cell for cell in study.of(mix) if levels[cell.task] == level]
            tasks = dict.fromkeys(cell.task for cell in cells)
            best = np.array([cell.best() for cell in cells]).reshape(len(tasks), len(study.seeds))
            own: Row = {"level": level, "mix": mix, "tasks": len(tasks), **_accuracies(_steps(cells))}
            rows.append(own | _speeds(best, thresholds))
    title = "Accuracies of candidates and speed-ups by level of difficulty."
    return Table(name="levels", title=title, rows=tuple(rows))


def operator_table(study: Gathered) -> Table:
    """Return a row a mix and operator: how its candidates ended and what they gained over their parents."""
    rows: list[Row] = []
    for mix in study.mixes:
        made: dict[str, list[tuple[Step, float]]] = {}
        for cell in study.of(mix):
            for trace in cell.traces:
                for step, gain in gains_of(trace):
                    made.setdefault(step.operator, []).append((step, gain))
        rows += sorted(
            (_operator_row(mix, *each) for each in made.items()), key=lambda row: -row["gain_log2"]
        )
    title = "What each operator's candidates came to; gains are doublings of speed over their fastest parent."
    return Table(name="operators", title=title, rows=tuple(rows))


def gains_of(trace: Trace) -> list[tuple[Step, float]]:
    """Return the candidates of a run, each with its gain over its fastest parent, in doublings."""
    speeds = {step.number: step.speedup for step in trace.steps}
    told = []
    for step in trace.steps:
        parents = [speed for each in step.parents if (speed := speeds.get(each)) is not None]
        gain = max(0.0, math.log2(step.speedup / max(parents))) if step.speedup and parents else 0.0
        if step.generation:
            told.append((step, gain))
    return told


def _cell_row(cell: Searched, levels: Mapping[str, int]) -> Row:
    steps = cell.candidates
    passed = [step.speedup for step in steps if step.speedup is not None]
    gain = math.log2(cell.best())
    used = paid_in_all(steps)
    return {
        "mix": cell.mix, "task": cell.task, "level": levels[cell.task], "seed": cell.seed,
        "runs": len(cell.traces), "depth": cell.depth, "best_speedup": cell.best(),
        "median_speedup": float(np.median(passed)) if passed else None,
        **{name: each.value for name, each in _rates(steps).items()},
        "repeats": sum(step.status is Status.DUPLICATE for step in steps),
        "staleness": float(np.mean([staleness_of(trace).mean for trace in cell.traces])),
        "distinct_plans": len({step.plan for step in steps if step.plan is not None}),
        **{f"spent_{name}": getattr(used, name) for name in COUNTED},
        **{f"gain_per_{name}": _per(gain, getattr(used, name)) for name in COUNTED},
    }  # fmt: skip


def _mix_row(study: Gathered, mix: str, thresholds: Sequence[float]) -> Row:
    cells = study.of(mix)
    steps = _steps(cells)
    best = study.array(mix, lambda cell: cell.best())
    traces = [trace for cell in cells for trace in cell.traces]
    passed = [step.speedup for step in steps if step.speedup is not None]
    return {
        "mix": mix, "runs": len(cells[0].traces), "depth": max(cell.depth for cell in cells),
        **_speeds(best, thresholds),
        **bounded("best_speedup_such_tasks", as_speedup(_mean(study, mix, Tasks.SUCH))),
        "median_candidate_speedup": float(np.median(passed)) if passed else None,
        **_accuracies(steps),
        "staleness": float(np.mean([staleness_of(trace).mean for trace in traces])),
        "distinct": float(np.mean([diversity_of(trace).distinct for trace in traces])),
        "operators": float(np.mean([diversity_of(trace).operators for trace in traces])),
    }  # fmt: skip


def _mean(study: Gathered, mix: str, tasks: Tasks) -> Estimate:
    return mean_over_runs(study.array(mix, log2_best()), tasks)


def _speeds(best: Array, thresholds: Sequence[float]) -> Row:
    """Return what the best speed-ups of cells, shape (tasks, seeds), come to."""
    row = bounded("best_speedup", as_speedup(mean_over_runs(np.log2(best), Tasks.THESE)))
    row |= bounded("median_best_speedup", median_of(best.ravel()))
    for threshold in thresholds:
        row |= bounded(f"fast_{threshold:g}", fast_p(best, threshold))
    return row


def _accuracies(steps: Sequence[Step]) -> Row:
    row: Row = {"candidates": len(steps), "repeats": sum(s.status is Status.DUPLICATE for s in steps)}
    for name, each in _rates(steps).items():
        row |= bounded(name, each)
    return row


def _rates(steps: Sequence[Step]) -> dict[str, Estimate]:
    """Return call and execution accuracy, repeats being what they repeat; 0 of 1 where there is nothing."""
    statuses = np.array([str(step.verdict) for step in steps] or [str(Status.MALFORMED)])
    return {"call_accuracy": call_accuracy(statuses), "execution_accuracy": execution_accuracy(statuses)}


def _operator_row(mix: str, operator: str, made: Sequence[tuple[Step, float]]) -> Row:
    steps = [step for step, _ in made]
    gains = [gain for _, gain in made]
    return {
        "mix": mix, "operator": operator, **_accuracies(steps), "improved": sum(gain > 0 for gain in gains),
        "gain_log2": math.fsum(gains), "gain_log2_per_candidate": math.fsum(gains) / len(gains),
        "tokens": sum(step.paid.tokens for step in steps),
    }  # fmt: skip


def _steps(cells: Sequence[Searched]) -> list[Step]:
    return [step for cell in cells for step in cell.candidates]


def _per(gain: float, amount: Any) -> float | None:
    return gain / amount if amount else None
