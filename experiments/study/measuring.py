"""Measuring: all tables of a study, from its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from evo.evaluation import Source
from experiments.study.comparing import Verdict, frontier_of, frontier_table, pair_table, verdict_of
from experiments.study.costs import cost_table, efficiency_table
from experiments.study.currency import Currency
from experiments.study.curves import curve_table
from experiments.study.estimators.over_runs import Tasks, mean_over_runs
from experiments.study.gathered import Gathered, log2_best
from experiments.study.grid import Cell
from experiments.study.measures import cell_table, level_table, mix_table, operator_table
from experiments.study.scaling import families_of, fit_table, grid_table, parallel_table
from experiments.study.settings import StudySettings
from experiments.study.tables import Row, Table, as_speedup, bounded

VARYING = frozenset({"costs", "efficiency"})
"""Tables with seconds in them; all others are the same whenever and however often a study was run."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a study came to.

    Attributes:
        study: its settings.
        baseline: the mix that the others are compared with.
        tasks, seeds: over which all figures are.
        source, device: of all evaluations.
        simulated: whether the runs are on paper.
        tables: by name.
        verdict: what may be said of the best mix; None where there is one only.
    """

    study: StudySettings
    baseline: str
    tasks: tuple[str, ...]
    seeds: tuple[int, ...]
    source: Source
    device: str
    simulated: bool
    tables: dict[str, Table]
    verdict: Verdict | None

    @property
    def where(self) -> str:
        """The circumstances that stand on every figure."""
        source = f"{self.source} on {self.device}"
        if self.simulated:
            source = f"simulated after runs {self.source} on {self.device.removeprefix('simulated ')}"
        over = f"{_count(len(self.tasks), 'task')} × {_count(len(self.seeds), 'seed')}"
        early = " so far" if len(self.seeds) < len(self.study.seed_numbers) else ""
        return f"{source} · {over}{early} · {self.study.budget} a cell"

    def with_table(self, table: Table) -> Measured:
        """Return the same with one more table."""
        return msgspec.structs.replace(self, tables={**self.tables, table.name: table})

    def rows(self, name: str) -> tuple[Row, ...]:
        """Return the rows of a table; none if there is no such table."""
        return self.tables[name].rows if name in self.tables else ()


def measured(
    study: StudySettings, cells: Sequence[Cell], found: Gathered, levels: Mapping[str, int], *,
    simulated: bool = False,
) -> Measured:  # fmt: skip
    """Return what a study came to."""
    families = families_of(found, cells)
    frontier = frontier_of(found)
    baseline = study.baseline or found.mixes[0]
    by_depth = study.budget.amount if study.budget.currency is Currency.EVALUATIONS else 0.0
    tables = (
        cell_table(found, levels), mix_table(found, study.thresholds),
        level_table(found, levels, study.thresholds), operator_table(found), single_table(found),
        curve_table(found, study.budget, study.thresholds), parallel_table(families), fit_table(families),
        grid_table(families, by_depth), pair_table(found, baseline), frontier_table(found, frontier),
        cost_table(found), efficiency_table(found),
    )  # fmt: skip
    return Measured(
        study=study, baseline=baseline, tasks=found.tasks, seeds=found.seeds, source=found.source,
        device=found.device, simulated=simulated, tables={table.name: table for table in tables},
        verdict=verdict_of(frontier, len(found.seeds)),
    )  # fmt: skip


def single_table(found: Gathered) -> Table:
    """Return a row a task and mix: the best speed-up over the seeds."""
    mixes = sorted(found.mixes, key=lambda mix: len(found.of(mix)[0].traces))
    rows: list[Row] = []
    for place, task in enumerate(found.tasks):
        for mix in mixes:
            own = found.array(mix, log2_best())[[place]]
            rows.append(
                {
                    "task": task,
                    "mix": mix,
                    **bounded("best_speedup", as_speedup(mean_over_runs(own, Tasks.THESE))),
                }
            )
    return Table(name="tasks", title="Best speed-up of each mix, task by task.", rows=tuple(rows))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
