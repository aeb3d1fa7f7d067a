"""Figures of width and depth: best of k parallel runs, the grid of both, and the frontier of one budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.study.drawing import (
    INK,
    as_times,
    bounds,
    doubling,
    hue,
    mark,
    sheet,
    whiskers,
)
from experiments.study.tables import Row, by_column

MOST_TASKS = 5
"""Tasks that have panels of their own, at most."""


def draw_parallel(rows: Sequence[Row], fits: Sequence[Row], where: str) -> Figure:
    """Return best of k against k, a line for each depth, with the straight line that fits it."""
    figure, [axes] = sheet("Best of k parallel runs", where, (1, 1), (7.4, 4.3))
    slopes = {row["depth"]: row for row in fits}
    for place, (depth, own) in enumerate(by_column(rows, "depth").items()):
        values, low, high = bounds(own, "best_speedup")
        ks = [row["k"] for row in own]
        shifted = [k * 2 ** (0.05 * (place - 2)) for k in ks]
        axes.errorbar(
            shifted, values, whiskers(values, low, high), color=hue(place), marker=mark(place), markersize=5,
            linewidth=1.6, elinewidth=1, capsize=2.5, label=_with_slope(depth, slopes.get(depth)),
        )  # fmt: skip
    doubling(axes, [row["k"] for row in rows if row["k"] & (row["k"] - 1) == 0])
    axes.set_xlabel("k: independent runs of which the best is taken")
    axes.set_ylabel("best speed-up over the seed kernel")
    as_times(axes.yaxis)
    axes.grid(axis="y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="candidates of each run", alignment="left")
    return figure


def draw_grid(rows: Sequence[Row], budget: float, where: str) -> Figure:
    """Return best speed-up by width and depth; cells that cost the budget are framed."""
    widths, depths = sorted({r["width"] for r in rows}), sorted({r["depth"] for r in rows})
    shape = (1.15 * len(widths) + 0.9, 0.66 * len(depths) + 1.1)
    figure, [axes] = sheet("Width against depth", where, (1, 1), (max(shape[0], 6.8), shape[1]))
    values = np.full((len(depths), len(widths)), np.nan)
    for row in rows:
        values[depths.index(row["depth"]), widths.index(row["width"])] = row["best_speedup"]
    corners = [np.arange(count + 1) - 0.5 for count in (len(widths), len(depths))]
    axes.pcolormesh(*corners, values, cmap="cividis", edgecolors="white", linewidth=1.5)
    shades = Normalize(np.nanmin(values), np.nanmax(values))
    for row in rows:
        place = widths.index(row["width"]), depths.index(row["depth"])
        dark = _luminance(colormaps["cividis"](shades(row["best_speedup"]))) < 0.45
        ink = "white" if dark else INK
        axes.text(
            place[0], place[1] + 0.1, f"{row['best_speedup']:.2f}×", ha="center", va="center", color=ink
        )
        axes.text(place[0], place[1] - 0.22, _span(row), ha="center", va="center", color=ink, fontsize=7.5)
        if row["spent"] == budget:
            corner = (place[0] - 0.47, place[1] - 0.46)
            axes.add_patch(Rectangle(corner, 0.94, 0.92, fill=False, edgecolor=hue(1), linewidth=2.4))
    axes.set_xticks(range(len(widths)), [f"{each:g}" for each in widths])
    axes.set_yticks(range(len(depths)), [f"{each:g}" for each in depths])
    axes.set_title("best speed-up over the seed kernel", fontweight="normal")
    axes.set_xlabel("width: parallel runs, best taken")
    axes.set_ylabel("depth: candidates of each")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def draw_frontier(rows: Sequence[Row], singles: Sequence[Row], where: str) -> Figure:
    """Return best speed-up of the mixes of one budget, over all tasks and for each."""
    tasks = dict(list(by_column(singles, "task").items())[:MOST_TASKS])
    along = len({row["width"] for row in rows}) > 1
    figure, panels = sheet(
        "One budget, spent in width or in depth" if along else "The mixes at one budget",
        where,
        (1, 1 + len(tasks)),
        (3.0 * (1 + len(tasks)), 3.7),
    )
    _mixes(panels[0], rows, "all tasks", along=along)
    best = next(place for place, row in enumerate(rows) if row["best"])
    for place, row in enumerate(rows):
        if not row["told_from_best"]:
            panels[0].scatter(
                [place], [row["best_speedup"]], s=52, zorder=3, linewidth=1.6, edgecolor=hue(0),
                facecolor=hue(0) if place == best else "white",
            )  # fmt: skip
    for axes, (task, own) in zip(panels[1:], tasks.items(), strict=True):
        _mixes(axes, own, str(task), along=along)
    panels[0].set_ylabel("best speed-up over the seed kernel")
    return figure


def _mixes(axes: Axes, rows: Sequence[Row], title: str, *, along: bool) -> None:
    """Draw mixes side by side, joined by a line if they lie along something."""
    values, low, high = bounds(rows, "best_speedup")
    axes.errorbar(
        range(len(rows)), values, whiskers(values, low, high), color=hue(0), marker="o", markersize=5,
        linewidth=1.4 if along else 0, elinewidth=1.2, capsize=3,
    )  # fmt: skip
    axes.set_title(title)
    axes.set_xticks(range(len(rows)), [row["mix"] for row in rows], rotation=35, ha="right")
    axes.set_xlim(-0.5, len(rows) - 0.5)
    as_times(axes.yaxis)
    axes.grid(axis="y")


def _luminance(colour: tuple[float, float, float, float]) -> float:
    """Return how bright a colour is, 0 to 1 (ITU-R BT.709)."""
    red, green, blue, _ = colour
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _span(row: Row) -> str:
    """Return the interval in words, if there is one."""
    low, high = row["best_speedup_low"], row["best_speedup_high"]
    return "no interval" if low is None else f"{low:.2f} to {high:.2f}"


def _with_slope(depth: int, fit: Row | None) -> str:
    if fit is None:
        return f"{depth}"
    gain = 2.0 ** fit["slope"] - 1
    bend = f", bends at k = {fit['bends_at']}" if fit["bends_at"] else ""
    return f"{depth}: {100 * gain:+.1f}% a doubling of k{bend}"
