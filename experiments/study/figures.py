"""Figures: which of them a study has, each with what it shows in words."""

from __future__ import annotations

from experiments.study.drawing import Figured
from experiments.study.figure_comparing import draw_operators, draw_pairs
from experiments.study.figure_curves import draw_accuracies, draw_speedups
from experiments.study.figure_scaling import draw_frontier, draw_grid, draw_parallel
from experiments.study.measuring import Measured
from experiments.study.tables import Row


def figures_of(found: Measured) -> list[Figured]:
    """Return the figures that the study's tables are enough for."""
    study, where = found.study, f"{found.where} · 95% intervals"
    curves = found.rows("curves")
    several = [row for row in found.rows("parallel") if row["k"] > 1]
    grid = _largest_family(found.rows("width_depth"))
    figures = [
        Figured(
            name="speedup", title="Best speed-up, candidate by candidate",
            told="Left, against the candidates of each run: depth. Right, against what all runs of a cell "
            f"have spent together, {study.budget} at the end. Geometric mean over tasks and seeds.",
            draw=lambda: draw_speedups(curves, study.budget.currency, where),
        ),
        Figured(
            name="accuracy", title="Accuracy, candidate by candidate",
            told="Shares of all candidates by then, repeats being what they repeat, and the share of cells "
            "whose best kernel is faster than the threshold (fast_p); the seed kernel does not count.",
            draw=lambda: draw_accuracies(curves, study.thresholds, where),
        ),
    ]  # fmt: skip
    if found.rows("frontier"):
        figures.append(Figured(
            name="frontier", title="The mixes at one budget",
            told="Every mix costs the same. Filled: the best; hollow ring: not told from it over all pairs.",
            draw=lambda: draw_frontier(found.rows("frontier"), found.rows("tasks"), where),
        ))  # fmt: skip
    if several:
        largest = _largest_family(found.rows("parallel"))
        fits = [row for row in found.rows("fits") if row["family"] == largest[0]["family"]]
        figures.append(Figured(
            name="parallel", title="Best of k parallel runs",
            told="The mean over all choices of k runs, so that no lucky draw counts; the best of all runs "
            "has no interval. Slopes are of the straight line in log k.",
            draw=lambda: draw_parallel(largest, fits, where),
        ))  # fmt: skip
    if len({row["width"] for row in grid}) > 1 and len({row["depth"] for row in grid}) > 1:
        figures.append(Figured(
            name="width_depth", title="Width against depth",
            told=f"Framed cells cost the study's budget of {study.budget}; those above cost more, those "
            "below less. Empty where too few runs are deep enough.",
            draw=lambda: draw_grid(grid, study.budget.amount, where),
        ))  # fmt: skip
    if found.rows("pairs"):
        figures.append(Figured(
            name="pairs", title=f"Each mix against {found.baseline}",
            told="Ratios of best speed-ups on the same tasks and seeds; p-values of the sign-flip test, "
            "adjusted for all comparisons (Holm).",
            draw=lambda: draw_pairs(found.rows("pairs"), found.baseline, where),
        ))  # fmt: skip
    if found.rows("operators"):
        figures.append(Figured(
            name="operators", title="Operators",
            told="All mixes together; in brackets how many candidates each operator made.",
            draw=lambda: draw_operators(found.rows("operators"), found.where),
        ))  # fmt: skip
    return figures


def _largest_family(rows: tuple[Row, ...]) -> list[Row]:
    """Return the rows of the family that has the most of them."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        families.setdefault(row["family"], []).append(row)
    return max(families.values(), key=len, default=[])
