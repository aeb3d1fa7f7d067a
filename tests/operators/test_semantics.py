"""What the seeds and their rewrites compute, under Triton's interpreter."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import libcst as cst

from evo.protocols import Draft
from operators.crossings import crossings, parts_of
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.one_pass import OnePass
from operators.rewrites.split_row import SplitRow
from operators.rewrites.tiles import Tiles
from operators.tune import Tune
from tests.operators.individuals import individual, proposal
from tests.operators.kernels import FLIP, LAYER_NORM, LOG_SOFTMAX, SOFTMAX, sources
from tests.standins import synthetic_task

# Blocks of 64 make short rows take several of them, which keeps interpreting quick.
SMALL_SOFTMAX = SOFTMAX.replace("BLOCK=256", "BLOCK=64")


def kernels() -> dict[str, str]:
    """Return sources by entry point and a word or two."""
    made = {"softmax.seed": SOFTMAX, "softmax.small": SMALL_SOFTMAX, "flip.seed": FLIP}
    made |= {"layer_norm.seed": LAYER_NORM, "log_softmax.seed": LOG_SOFTMAX}
    for entry, source in (
        ("softmax", SMALL_SOFTMAX),
        ("layer_norm", LAYER_NORM),
        ("log_softmax", LOG_SOFTMAX),
    ):
        for number, variant in enumerate(sources(OnePass(), source).values()):
            made[f"{entry}.pass{number}"] = variant
            for further, again in enumerate(sources(OnePass(), variant).values()):
                made[f"{entry}.pass{number}{further}"] = again
            for tile, sized in enumerate(sources(Tiles(), variant).values()):
                made[f"{entry}.pass{number}tile{tile}"] = sized
            for halved in sources(SplitRow(), variant).values():
                made[f"{entry}.pass{number}split"] = halved
    for entry, source in (("softmax", SMALL_SOFTMAX), ("flip", FLIP)):
        for family in (Tiles(), LaunchOptions("hip")):
            for number, variant in enumerate(list(sources(family, source).values())[::2]):
                made[f"{entry}.{family.name}{number}"] = variant
    return made


def crossed() -> dict[str, str]:
    """Return what kernels become that take parts of one another, by entry point and a number."""
    made: dict[str, str] = {}
    for entry, source in (("softmax", SMALL_SOFTMAX), ("log_softmax", LOG_SOFTMAX)):
        resized = source.replace("BLOCK=64", "BLOCK=32, num_stages=1")
        pool = [source, *sources(OnePass(), source).values(), *sources(OnePass(), resized).values()]
        parts = [parts_of(cst.parse_module(each), "hip") for each in pool]
        children = {v.source() for one, other in permutations(parts, 2) for v in crossings(one, other)}
        fresh = sorted(children - set(pool))
        assert len(fresh) >= 4
        made |= {f"{entry}.crossed{number}": child for number, child in enumerate(fresh)}
    return made


def tuned() -> dict[str, str]:
    """Return kernels with tiles and launch options set at once, by entry point and a number."""
    made: dict[str, str] = {}
    for entry, source in (("softmax", SMALL_SOFTMAX), ("flip", FLIP), ("layer_norm", LAYER_NORM)):
        for key in range(3):
            draft = asyncio.run(Tune("hip").propose(proposal(key), [individual(source)], synthetic_task()))
            assert isinstance(draft, Draft)
            made[f"{entry}.tuned{key}"] = draft.kernel.source
    return made


def test_seeds_and_rewrites_compute_what_torch_computes(tmp_path: Path):
    made = kernels() | crossed() | tuned()
    for name, source in made.items():
        (tmp_path / f"{name}.py").write_text(source)
    script = Path(__file__).with_name("interpreting.py")
    ran = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=200, check=False
    )
    assert ran.stdout == f"{len(made)} kernels interpreted\n", ran.stdout + ran.stderr
