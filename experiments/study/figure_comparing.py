"""Figures of what is compared: mixes with the baseline, operators with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from experiments.study.drawing import INK, QUIET, as_times, bounds, hue, sheet, whiskers
from experiments.study.tables import Row, by_column

MOST_OPERATORS = 16


def draw_pairs(rows: Sequence[Row], baseline: str, where: str) -> Figure:
    """Return each mix's speed-up over the baseline's, with intervals, told apart or not."""
    figure, [axes] = sheet(f"Each mix against {baseline}", where, (1, 1), (8.6, 0.42 * len(rows) + 1.15))
    values, low, high = bounds(rows, "ratio")
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        told = row["told_apart"]
        colour = hue(1) if told and value < 1 else hue(2) if told else QUIET
        bars = [[each[0]] for each in whiskers([value], [low[place]], [high[place]])]
        axes.errorbar(
            [value], [place], xerr=bars, color=colour, marker="o", markersize=6.5, elinewidth=1.6, capsize=3,
            markerfacecolor=colour if told else "white", markeredgewidth=1.5,
        )  # fmt: skip
        p = "p < 0.001" if row["p"] < 0.001 else f"p = {row['p']:.3f}"
        said = f"{value:.3f}×  {p}  {row['better']} better, {row['equal']} equal, {row['worse']} worse"
        axes.annotate(
            said, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK
        )
    axes.axvline(1, color=INK, linewidth=0.9)
    axes.set_yticks(range(len(rows)), [row["mix"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel(f"over {baseline}, on the same task and seed; filled: told apart")
    as_times(axes.xaxis)
    axes.grid(axis="x")
    return figure


def draw_operators(rows: Sequence[Row], where: str) -> Figure:
    """Return what operators gained a candidate and how many candidates are right, all mixes together."""
    sums = sorted((_summed(own) for own in by_column(rows, "operator").values()), key=lambda row: row["gain"])
    shown = sums[-MOST_OPERATORS:]
    figure, (left, right) = sheet("Operators", where, (1, 2), (9.6, 0.28 * len(shown) + 1.1), sharey=True)
    names = [f"{row['operator']}  ({row['candidates']})" for row in shown]
    left.barh(names, [row["gain"] for row in shown], color=hue(0), height=0.66)
    left.set_xlabel("gain a candidate, doublings of speed")
    for name, colour, place, shift in (
        ("new", hue(5), "no repeat", 0.18),
        ("passed", hue(2), "right", -0.18),
    ):
        places = [each + shift for each in range(len(shown))]
        right.barh(places, [100 * row[name] for row in shown], color=colour, height=0.34, label=place)
    right.set_xlabel("share of its candidates, %")
    right.set_xlim(0, 100)
    right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for axes in (left, right):
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
    return figure


def _summed(rows: Sequence[Mapping[str, Any]]) -> Row:
    candidates = sum(row["candidates"] for row in rows)
    new = [row["candidates"] - row["repeats"] for row in rows]
    return {
        "operator": rows[0]["operator"], "candidates": candidates,
        "gain": sum(row["gain_log2"] for row in rows) / candidates, "new": sum(new) / candidates,
        "passed": sum(row["execution_accuracy"] * row["candidates"] for row in rows) / candidates,
    }  # fmt: skip
