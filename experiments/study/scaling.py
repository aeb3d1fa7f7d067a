"""Scaling: best of k parallel runs without bias, its line in log k, and width against depth.

Runs that differ in their budget alone are one process looked at for longer or shorter: of those that share
settings and seed, the longest stands for all. So a run of 64 candidates tells of depth 4 too, and the best of
w runs is estimated from all runs that are deep enough, not from one draw.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from experiments.study.estimators.best_of import best_of_k_estimate, pseudo_values
from experiments.study.estimators.estimate import Array
from experiments.study.estimators.log_linear import LogLinear, log_linear
from experiments.study.gathered import Gathered, best_so_far, searched
from experiments.study.grid import Cell
from experiments.study.tables import Row, Table, as_speedup, bounded
from experiments.study.trace import Trace


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """Mixes whose runs differ in their budget alone.

    Attributes:
        mixes: their names.
        runs: by task, the distinct runs, the longest of each seed.
        grid: runs and depth of each mix.
    """

    mixes: tuple[str, ...]
    runs: dict[str, tuple[Trace, ...]]
    grid: tuple[tuple[int, int], ...]

    @property
    def depths(self) -> list[int]:
        """Depths that a mix has, ascending."""
        return sorted({depth for _, depth in self.grid})

    def at(self, depth: int) -> Array | None:
        """Return log2 best speed-ups at a depth, shape (tasks, runs); None if no run is so deep."""
        deep = [
            [np.log2(best_so_far(trace, depth)) for trace in traces if len(searched(trace)) >= depth]
            for traces in self.runs.values()
        ]
        fewest = min(map(len, deep))
        return np.array([each[:fewest] for each in deep]) if fewest else None


def families_of(study: Gathered, cells: Sequence[Cell]) -> list[Family]:
    """Return the families of mixes, in the study's order."""
    settings = {cell.mix: _settings_of(cell) for cell in cells}
    groups: dict[str, list[str]] = {}
    for mix in study.mixes:
        groups.setdefault(settings.get(mix, mix), []).append(mix)
    return [_family(study, mixes) for mixes in groups.values()]


def parallel_table(families: Sequence[Family]) -> Table:
    """Return a row a family, depth and k: the unbiased best of k runs, for these very tasks."""
    rows: list[Row] = []
    for family in families:
        for depth in family.depths:
            values = family.at(depth)
            for k in _ks(values):
                assert values is not None
                row: Row = {
                    "family": " · ".join(family.mixes),
                    "depth": depth,
                    "k": k,
                    "runs": values.shape[1],
                }
                rows.append(row | bounded("best_speedup", as_speedup(best_of_k_estimate(values, k))))
    title = "Best of k parallel runs, estimated without bias from all runs that are deep enough."
    return Table(name="parallel", title=title, rows=tuple(rows))


def fit_table(families: Sequence[Family]) -> Table:
    """Return a row a family and depth: what a doubling of k adds, and from which k on that changes."""
    rows: list[Row] = []
    for family in families:
        for depth in family.depths:
            values = family.at(depth)
            ks = _ks(values)[:-1]  # the best of all runs has no variance estimate
            if values is None or len(ks) < 2:
                continue
            line = log_linear(pseudo_values(values, ks), ks)
            rows.append(
                {"family": " · ".join(family.mixes), "depth": depth, "runs": values.shape[1], **_fit(line)}
            )
    title = "The line of best-of-k in log2 k: doublings of speed that a doubling of k adds."
    return Table(name="fits", title=title, rows=tuple(rows))


def grid_table(families: Sequence[Family], budget: float) -> Table:
    """Return a row a family, width and depth: the best of so many runs so deep."""
    rows: list[Row] = []
    for family in families:
        widths = sorted({width for width, _ in family.grid})
        for depth in family.depths:
            values = family.at(depth)
            for width in widths:
                if values is None or values.shape[1] < width:
                    continue
                row: Row = {
                    "family": " · ".join(family.mixes), "width": width, "depth": depth,
                    "spent": width * depth, "in_budget": width * depth == budget, "runs": values.shape[1],
                }  # fmt: skip
                rows.append(row | bounded("best_speedup", as_speedup(best_of_k_estimate(values, width))))
    title = "Width against depth: the best of w runs of d candidates, estimated without bias."
    return Table(name="width_depth", title=title, rows=tuple(rows))


def _family(study: Gathered, mixes: Sequence[str]) -> Family:
    cells = [cell for mix in mixes for cell in study.of(mix)]
    longest: dict[str, dict[int, Trace]] = {task: {} for task in study.tasks}
    for cell in cells:
        for trace in cell.traces:
            former = longest[cell.task].get(trace.seed)
            if former is None or len(trace.steps) > len(former.steps):
                longest[cell.task][trace.seed] = trace
    grid = dict.fromkeys(
        (len(study.of(mix)[0].traces), max(cell.depth for cell in study.of(mix))) for mix in mixes
    )
    return Family(
        mixes=tuple(mixes), grid=tuple(grid),
        runs={task: tuple(traces[seed] for seed in sorted(traces)) for task, traces in longest.items()},
    )  # fmt: skip


def _settings_of(cell: Cell) -> str:
    """Return what makes runs of cells alike: all settings but task, seed and budget."""
    settings = msgspec.to_builtins(cell.runs[0].settings)
    search = {key: value for key, value in settings["search"].items() if key not in ("seed", "budget")}
    return msgspec.json.encode({**settings, "task": "", "search": search}, order="sorted").decode()


def _ks(values: Array | None) -> list[int]:
    """Return the widths at which best-of-k is told: powers of two, and all runs there are."""
    if values is None:
        return []
    runs = values.shape[1]
    return sorted({2**power for power in range(runs.bit_length()) if 2**power <= runs} | {runs})


def _fit(line: LogLinear) -> Row:
    change = bounded("change", line.change) if line.change else dict.fromkeys(
        ("change", "change_low", "change_high")
    )  # fmt: skip
    return {
        **bounded("slope", line.slope), "bends_at": line.bends_at, **bounded("slope_before", line.before),
        **change, "p_no_bend": line.p,
    }  # fmt: skip
