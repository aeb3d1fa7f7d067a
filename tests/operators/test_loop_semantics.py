"""What kernels compute whose loops, grids or launches were changed, in kernevo's interpreter."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import libcst as cst
import pytest

from operators.rewrites.family import Rewrite
from operators.rewrites.loop_options import LoopOptions
from operators.rewrites.persistent import Persistent
from operators.rewrites.program_order import ProgramOrder
from operators.rewrites.several_rows import SeveralRows
from operators.rewrites.split_k import SplitK
from tests.operators.kernels import FLIP, LAYER_NORM, LOG_SOFTMAX, SOFTMAX
from tests.operators.loop_kernels import LOOPS

FAMILIES: Sequence[Rewrite] = (LoopOptions(), Persistent(), ProgramOrder("hip"), SeveralRows(), SplitK())
# Blocks of 64 make short rows take several of them.
KERNELS = {
    "softmax": SOFTMAX.replace("BLOCK=256", "BLOCK=64"),
    "flip": FLIP.replace("BLOCK = 256", "BLOCK = 64"),
    "layer_norm": LAYER_NORM,
    "log_softmax": LOG_SOFTMAX,
    **LOOPS,
}
SAMPLE = 8  # variants in every run of the tests; which ones changes with what the families make
EVERY_STEP_AFTER = 5  # one in so many of the variants' own variants


def once() -> Iterator[tuple[str, str]]:
    """Yield every variant's name and source."""
    for entry, source in KERNELS.items():
        for family in FAMILIES:
            for number, variant in enumerate(family.variants(cst.parse_module(source))):
                yield f"{entry}.{family.name}{number}", variant.source()


def twice() -> Iterator[tuple[str, str]]:
    """Yield some of the variants of variants."""
    for name, source in once():
        for family in FAMILIES:
            for number, variant in enumerate(family.variants(cst.parse_module(source))):
                made = variant.source()
                if int(hashlib.sha256(made.encode()).hexdigest(), 16) % EVERY_STEP_AFTER == 0:
                    yield f"{name}.{family.name}{number}", made


def assert_right(made: dict[str, str], folder: Path) -> None:
    for name, source in made.items():
        (folder / f"{name}.py").write_text(source)
    script = Path(__file__).with_name("launching.py")
    path = os.pathsep.join([str(script.parents[2]), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, str(script), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,  # where the module of each kernel is written
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ran.stdout == f"{len(made)} kernels interpreted\n", ran.stdout + ran.stderr


def test_the_kernels_and_a_sample_of_their_variants_compute_what_torch_computes(tmp_path: Path):
    made = dict(sorted(once(), key=lambda each: hashlib.sha256(each[1].encode()).hexdigest())[:SAMPLE])
    assert_right(made | {f"{entry}.seed": source for entry, source in LOOPS.items()}, tmp_path)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_every_variant_and_many_of_their_variants_compute_what_torch_computes(tmp_path: Path):
    assert_right({**dict(once()), **dict(twice())}, tmp_path)
