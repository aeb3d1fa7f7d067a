"""Studies for tests: small configs, and the command given for them."""

from __future__ import annotations

from pathlib import Path

from experiments.study.folder import claim_study
from experiments.study.grid import cells_of, in_order
from experiments.study.settings import read_study
from tests.commanded import WEIGHTS
from tests.experiments.commanding import quick_run

TINY = """
question = "Wide or deep?"
tasks = ["flip"]
seeds = {seeds}
reports = false
[budget]
amount = {budget}
[base.search]
offspring = 1
population = 4
[base.operators.weights]
{weights}
[[mixes]]
name = "1 x {budget}"
[[mixes]]
name = "2 x {half}"
runs = 2
"""


def tiny(folder: Path, seeds: int = 2, budget: int = 4, more: str = "") -> Path:
    """Write the config of a study of two mixes into the folder, and return its path."""
    path = folder / "tiny.toml"
    path.write_text(TINY.format(seeds=seeds, budget=budget, half=budget // 2, weights=WEIGHTS) + more)
    return path


def searched_without_rooms(config: Path, folder: Path) -> Path:
    """Search all runs of a study as its workers would, but for the rooms; return the study's folder."""
    settings = read_study(config)
    claim_study(folder, settings)
    for run in in_order(cells_of(settings)):
        quick_run(folder / run.path, run.settings.to_toml())
    return folder
