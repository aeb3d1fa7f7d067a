"""Figures along the search: speed-up and accuracy against iteration and against what was spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.study.currency import Currency
from experiments.study.drawing import as_percent, as_times, bounds, hue, sheet
from experiments.study.tables import Row, by_column

ACCURACIES = (
    ("call_accuracy", "call accuracy: it compiles and runs"),
    ("execution_accuracy", "execution accuracy: it is right too"),
)

STYLES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.5)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1)))
"""Dashes, for whoever sees no colours."""


def draw_speedups(rows: Sequence[Row], currency: Currency, where: str) -> Figure:
    """Return best speed-up against each run's candidates, and against what all runs of a cell have spent."""
    figure, (left, right) = sheet(
        "Best speed-up, candidate by candidate", where, (1, 2), (11.4, 3.9), sharey=True
    )
    for place, (mix, own) in enumerate(by_column(rows, "mix").items()):
        _band(left, own, "depth", "best_speedup", place, mix)
        _band(right, own, "spent", "best_speedup", place, mix)
    left.set_xlabel("iteration: candidates of each run")
    right.set_xlabel(f"spent: {currency.noun} of all runs of a cell")
    left.set_ylabel("best speed-up over the seed kernel")
    as_times(left.yaxis)
    _frame(left, rows)
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    if currency.whole:
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (left, right):
        axes.grid(axis="y")
        axes.set_xlim(left=0)
    right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=2.4)
    return figure


def draw_accuracies(rows: Sequence[Row], thresholds: Sequence[float], where: str) -> Figure:
    """Return call and execution accuracy of all candidates so far, and fast_p of the cells."""
    figure, panels = sheet("Accuracy, candidate by candidate", where, (1, 3), (13.0, 3.7), sharey=True)
    for axes, (name, title) in zip(panels, ACCURACIES, strict=False):
        axes.set_title(title)
        for place, (mix, own) in enumerate(by_column(rows, "mix").items()):
            _band(axes, [row for row in own if row[name] is not None], "depth", name, place, mix)
    threshold = thresholds[len(thresholds) // 2] if thresholds else None
    if threshold is not None:
        panels[2].set_title(f"fast$_{{{threshold:g}}}$: cells with a kernel beyond {threshold:g}×")
        for place, (mix, own) in enumerate(by_column(rows, "mix").items()):
            _line(panels[2], own, "depth", f"faster_{threshold:g}", place, mix)
    for axes in panels:
        axes.set_xlabel("iteration: candidates of each run")
        axes.grid(axis="y")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    as_percent(panels[0])
    panels[0].set_ylabel("share")
    panels[2].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=2.4)
    return figure


def _band(axes: Axes, rows: Sequence[Mapping[str, Any]], x: str, y: str, place: int, label: str) -> None:
    """Draw a line with its interval."""
    values, low, high = bounds(rows, y)
    along = [row[x] for row in rows]
    axes.fill_between(along, low, high, color=hue(place), alpha=0.13, linewidth=0)
    axes.plot(along, values, color=hue(place), label=label, linestyle=STYLES[place % len(STYLES)])


def _frame(axes: Axes, rows: Sequence[Row]) -> None:
    """Leave room for the lines and most of their intervals; the first candidates' may be endless."""
    values = [row["best_speedup"] for row in rows]
    reach = max(max(values) - min(values), 0.02)
    lowest = min(1.0, *(row["best_speedup_low"] or 1.0 for row in rows))
    axes.set_ylim(max(lowest, min(values) - 0.25 * reach) - 0.03 * reach, max(values) + 0.45 * reach)


def _line(axes: Axes, rows: Sequence[Mapping[str, Any]], x: str, y: str, place: int, label: str) -> None:
    axes.plot(
        [row[x] for row in rows], [row[y] for row in rows], color=hue(place), label=label,
        linestyle=STYLES[place % len(STYLES)], drawstyle="steps-post",
    )  # fmt: skip
