"""Keeps what a study came to among the committed results: `python -m experiments.study.keep DIR [--name N]`.

DIR is the folder of a study that was run, or its `simulated` folder; what is kept is small enough to commit.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.bench.results import RESULTS
from experiments.study.folder import RESULTS as OWN
from experiments.study.folder import SETTINGS, SIMULATED
from experiments.study.settings import read_study

LARGEST = 16 << 20
"""Bytes that a committed file may have."""


def keep(folder: Path, among: Path = RESULTS / "studies", name: str = "") -> Path:
    """Copy the results of a study to a folder `among` those kept, in the place of what was there.

    Args:
        folder: of the study.
        among: where results are kept.
        name: of the folder there; by default the study's own, which one made with changed settings shares.

    Raises:
        ValueError: there are no results, or a file that is too large to commit.
    """
    simulated = folder.name == SIMULATED
    own = folder if simulated else folder / OWN
    if not (own / SETTINGS).is_file():
        raise ValueError(f"results are kept of a study that was run, {folder} holds none")
    large = [path for path in own.rglob("*") if path.stat().st_size > LARGEST]
    if large:
        raise ValueError(f"a committed file may have {LARGEST} bytes, {large[0]} has more")
    name = name or read_study(own / SETTINGS).name
    kept = among / (f"{name}_{SIMULATED}" if simulated else name)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(own, kept)
    return kept


def main(arguments: Sequence[str]) -> None:
    """Keep the results of a study and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m experiments.study.keep")
    parser.add_argument("folder", type=Path, help="of the study")
    parser.add_argument("--name", default="", help="of what is kept; by default the study's own")
    given = parser.parse_args(arguments)
    kept = keep(given.folder, name=given.name)
    print(f"{kept}: commit it with `git add {kept} && git commit`")


if __name__ == "__main__":
    main(sys.argv[1:])
