"""Writing: what a study came to, in a folder of few files that can be kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.bench.results import code_date, machine
from experiments.run_folder import write_whole
from experiments.study.drawing import write_figure
from experiments.study.figures import figures_of
from experiments.study.folder import PAGE, SETTINGS
from experiments.study.journals import ARCHIVE, pack
from experiments.study.measuring import Measured
from experiments.study.page import links_to, page
from experiments.study.tables import write_tables

SUMMARY = "summary.json"
PLAN = "plan.txt"


def write_results(
    found: Measured,
    folder: Path,
    results: Path,
    plan: str,
    paths: Mapping[tuple[str, str, int], Sequence[str]],
) -> Path:
    """Write tables, figures, page, summary and journals into `results`, and the page that links to runs into

    `folder`; return that page. Simulated runs have no journals.

    Raises:
        RunFailure: a file cannot be written.
    """
    write_tables(list(found.tables.values()), results / "data")
    figures = [(each, write_figure(each, results / "figures")) for each in figures_of(found)]
    write_whole(results / PLAN, plan + "\n")
    write_whole(results / SETTINGS, found.study.to_toml())
    write_whole(results / SUMMARY, json.dumps(summary(found), indent=2, ensure_ascii=False) + "\n")
    write_whole(results / PAGE, page(found, figures, plan, {}))
    if not found.simulated and all(paths.values()):
        pack(folder, [path for own in paths.values() for path in own], results / ARCHIVE)
    return write_whole(folder / PAGE, page(found, figures, plan, links_to(folder, paths)))


def summary(found: Measured) -> dict[str, object]:
    """Return what a study came to in one object, with the circumstances."""
    verdict = found.verdict
    return {
        "study": found.study.name, "question": found.study.question, "where": found.where,
        "source": str(found.source), "device": found.device, "simulated": found.simulated,
        "tasks": found.tasks, "seeds": found.seeds, "budget": str(found.study.budget),
        "baseline": found.baseline,
        "verdict": None if verdict is None else verdict.sentence,
        "alike": [] if verdict is None else verdict.alike,
        "mixes": found.rows("mixes"), "pairs": found.rows("pairs"), "fits": found.rows("fits"),
        "code": code_date(), "machine": machine(),
    }  # fmt: skip
