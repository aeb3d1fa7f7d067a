"""Studies for tests: small configs, and the command given for them."""

from __future__ import annotations

from pathlib import Path

from tests.commanded import WEIGHTS

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


def tiny(folder: Path, seeds: int = 2, budget: int = 6, more: str = "") -> Path:
    """Write the config of a study of two mixes into the folder, and return its path."""
    path = folder / "tiny.toml"
    path.write_text(TINY.format(seeds=seeds, budget=budget, half=budget // 2, weights=WEIGHTS) + more)
    return path
