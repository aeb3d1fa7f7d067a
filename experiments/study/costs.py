"""Costs: what cells took and what each currency bought. Seconds differ from run to run, so do these tables.

A verdict from the cache is counted apart: it took no time now, and what it cost is what it cost whoever asked
first. So it counts against a budget like any other, but in no rate.
"""

from __future__ import annotations

from collections.abc import Callable

from experiments.study.currency import Currency
from experiments.study.estimators.currency import gain_per_unit
from experiments.study.estimators.summaries import paid_in_all
from experiments.study.gathered import Gathered, Searched, log2_best
from experiments.study.tables import Row, Table, bounded


def cost_table(study: Gathered) -> Table:
    """Return a row a cell: what was evaluated now, what came from the cache, and what both cost."""
    rows = tuple(_row(cell) for cell in study.cells)
    return Table(name="costs", title="What each cell cost; these figures differ from run to run.", rows=rows)


def efficiency_table(study: Gathered) -> Table:
    """Return a row a mix and currency: doublings of speed that a unit of it bought, and what was spent."""
    rows: list[Row] = []
    for mix in study.mixes:
        gains = study.array(mix, log2_best())
        for currency in Currency:
            used = study.array(mix, used_of(currency))
            if used.mean() > 0:
                row: Row = {"mix": mix, "currency": str(currency), "spent_by_a_cell": float(used.mean())}
                rows.append(row | bounded("gain_log2_per_unit", gain_per_unit(gains, used)))
    title = "Doublings of speed that a unit of each currency bought; those of seconds differ from run to run."
    return Table(name="efficiency", title=title, rows=tuple(rows))


def used_of(currency: Currency) -> Callable[[Searched], float]:
    """Return the figure of what a cell spent; wall time is that of its longest run: they run side by side."""

    def used(cell: Searched) -> float:
        if currency is Currency.WALL_SECONDS:
            return max(trace.steps[-1].told_s for trace in cell.traces)
        return float(getattr(paid_in_all(cell.candidates), currency))

    return used


def _row(cell: Searched) -> Row:
    steps = cell.candidates
    now, all_of_it = paid_in_all([step for step in steps if not step.cached]), paid_in_all(steps)
    return {
        "mix": cell.mix, "task": cell.task, "seed": cell.seed, "runs": len(cell.traces),
        "evaluated_now": now.evaluations, "from_cache": len(steps) - now.evaluations,
        "core_seconds_now": now.cpu_seconds, "gpu_seconds_now": now.gpu_seconds,
        "core_seconds": all_of_it.cpu_seconds, "gpu_seconds": all_of_it.gpu_seconds,
        "making_seconds": all_of_it.making_seconds,
        "active_seconds": sum(trace.steps[-1].told_s for trace in cell.traces),
        "longest_run_seconds": used_of(Currency.WALL_SECONDS)(cell),
    }  # fmt: skip
