"""Drawing: the look of a study's figures, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

HUES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B08A00", "#56B4E9", "#444444", "#8C564B")
"""Okabe and Ito's colours, which colour-blind people tell apart (jfly.uni-koeln.de/color), yellow darker."""

MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, QUIET, RULE = "#17191c", "#5c636b", "#e1e4e8"
LOOK = {
    "font.family": ["DejaVu Sans"], "font.size": 10, "axes.titlesize": 10.5, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "axes.labelsize": 10, "axes.labelcolor": INK, "axes.edgecolor": QUIET,
    "axes.linewidth": 0.8, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "text.color": INK, "xtick.color": QUIET, "ytick.color": QUIET, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "grid.color": RULE, "grid.linewidth": 0.8, "legend.frameon": False,
    "legend.fontsize": 9.5, "lines.linewidth": 1.8, "svg.fonttype": "path", "svg.hashsalt": "kernevo",
    "figure.facecolor": "white", "savefig.facecolor": "white", "axes.unicode_minus": True,
}  # fmt: skip
DOTS_AN_INCH = 160
HEADING = 0.62
"""Inches above the panels for title and circumstances."""

LETTER = 0.074
"""Inches that a letter of the circumstances takes."""


class Figured(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that is drawn.

    Attributes:
        name: of its files.
        title: what it shows.
        told: the same in a sentence or two, for those who cannot see it and for those who want to know more.
        draw: draws it, within our look.
    """

    name: str
    title: str
    told: str
    draw: Callable[[], Figure]


def write_figure(figured: Figured, folder: Path) -> Path:
    """Write a figure as `NAME.svg` and `NAME.png`, the same bytes for the same data; return the former."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(LOOK):  # type: ignore[arg-type]
        figure = figured.draw()
        path = folder / f"{figured.name}.svg"
        figure.savefig(path, metadata={"Date": None, "Creator": "kernevo"})
        figure.savefig(path.with_suffix(".png"), dpi=DOTS_AN_INCH, metadata={"Software": "kernevo"})
    return path


def sheet(
    title: str, where: str, panels: tuple[int, int], size: tuple[float, float], **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows × columns of panels, headed by its title and the circumstances.

    The size is that of the panels, in inches; the heading is added to it, and what its words take.
    """
    width, height = max(size[0], LETTER * len(where) + 0.25), size[1] + HEADING
    figure = Figure(figsize=(width, height))
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - HEADING / height))
    figure.text(0.012, 1 - 0.2 / height, title, fontsize=13, fontweight="bold", va="center")
    figure.text(0.012, 1 - 0.46 / height, where, fontsize=9.5, color=QUIET, va="center")
    axes = figure.subplots(*panels, squeeze=False, **options)
    return figure, [each for row in axes for each in row]


def hue(place: int) -> str:
    """Return the colour of the n-th thing."""
    return HUES[place % len(HUES)]


def mark(place: int) -> str:
    """Return the marker of the n-th thing."""
    return MARKS[place % len(MARKS)]


def as_times(axis: Any) -> None:
    """Label an axis of speed-ups as `1.25×`."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
    axis.set_minor_locator(NullLocator())


def as_percent(axes: Axes) -> None:
    """Let the vertical axis go from 0 to 100%."""
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))


def doubling(axes: Axes, values: Sequence[float]) -> None:
    """Let the horizontal axis be logarithmic in base 2, with a tick at each of the values."""
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted(set(values)), [f"{value:g}" for value in sorted(set(values))])
    axes.xaxis.set_minor_locator(NullLocator())


def bounds(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[float], list[float], list[float]]:
    """Return a column's values and bounds; a bound that is not known is the value itself."""
    values = [float(row[name]) for row in rows]
    low = [_or(row[f"{name}_low"], value) for row, value in zip(rows, values, strict=True)]
    high = [_or(row[f"{name}_high"], value) for row, value in zip(rows, values, strict=True)]
    return values, low, high


def whiskers(values: Sequence[float], low: Sequence[float], high: Sequence[float]) -> list[list[float]]:
    """Return distances of bounds from values, as error bars take them."""
    below = [max(0.0, value - each) for value, each in zip(values, low, strict=True)]
    return [below, [max(0.0, each - value) for value, each in zip(values, high, strict=True)]]


def _or(bound: Any, value: float) -> float:
    return float(bound) if bound is not None and math.isfinite(bound) else value
