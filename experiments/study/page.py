"""The page of a study: one file that opens offline, with its figures, tables, plan and cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from evo.evaluation import Source
from experiments.report.page import rendered
from experiments.run_folder import REPORT
from experiments.study.drawing import Figured
from experiments.study.measuring import Measured
from experiments.study.svg import inline
from experiments.study.tables import Row

Links = Mapping[tuple[str, str, int], Sequence[str]]
"""Where the reports of each cell's runs are, by mix, task and seed."""


def page(found: Measured, figures: Sequence[tuple[Figured, Path]], plan: str, links: Links) -> str:
    """Return the page; figures come with the paths of their SVGs, links are empty where no runs are beside.

    Raises:
        OSError: a figure cannot be read.
    """
    drawn = [
        {"name": each.name, "title": each.title, "told": each.told,
         "svg": Markup(inline(path.read_text(encoding="utf-8"), f"{each.title}. {each.told}", each.name))}
        for each, path in figures
    ]  # fmt: skip
    costs, efficiency = found.rows("costs"), found.rows("efficiency")
    by_mix: dict[str, dict[str, Row]] = {}
    for row in efficiency:
        by_mix.setdefault(row["mix"], {})[row["currency"]] = row
    now, cached = (sum(row[name] for row in costs) for name in ("evaluated_now", "from_cache"))
    return rendered(
        "study.html", ("study.js",), {}, found=found, figures=drawn, plan=plan, links=links,
        mixes=found.rows("mixes"),
        predictions=found.rows("predictions"), levels=found.rows("levels"), cells=found.rows("cells"),
        efficiency=by_mix, currencies=list(dict.fromkeys(row["currency"] for row in efficiency)),
        runs=sum(row["runs"] for row in costs), settings=found.study.to_toml(), story=_story(found),
        cached=f"{now:,} candidates evaluated, {cached:,} known from the cache", warnings=_warnings(found),
    )  # fmt: skip


def links_to(folder: Path, paths: Mapping[tuple[str, str, int], Sequence[str]]) -> Links:
    """Return links to the reports that there are, from a page in the folder."""
    return {
        cell: [f"{path}/{REPORT}" for path in own if (folder / path / REPORT).is_file()]
        for cell, own in paths.items()
    }


def _story(found: Measured) -> str:
    """Return in words what was done."""
    tasks = ", ".join(found.tasks)
    return (
        f"Every mix was searched on {tasks}, each with the same {len(found.seeds)} seeds, and may spend "
        f"{found.study.budget} a cell."
    )


def _warnings(found: Measured) -> list[str]:
    warnings = []
    if found.simulated:
        warnings.append(
            "These runs are simulated: nothing was evaluated, outcomes are drawn from a fitted landscape."
        )
    elif found.source is Source.MODELLED:
        warnings.append("All figures are modelled: they come from a cost model, nothing was measured.")
    if len(found.seeds) < 3:
        warnings.append("With fewer than three seeds, intervals say little.")
    return warnings
