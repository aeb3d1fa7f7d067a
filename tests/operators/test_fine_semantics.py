"""What rewrites of single expressions compute, under Triton's interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.operators.dense_kernels import ATTENTION, GELU, MASKED_MATMUL, RMS_NORM
from tests.operators.kernels import ADD, FLIP, LAYER_NORM, LOG_SOFTMAX, SOFTMAX
from tests.operators.variants import sample, variants_of

KERNELS = {
    "softmax": SOFTMAX.replace("BLOCK=256", "BLOCK=64"),
    "flip": FLIP,
    "layer_norm": LAYER_NORM,
    "log_softmax": LOG_SOFTMAX,
    "masked_matmul": MASKED_MATMUL,
    "attention": ATTENTION,
    "gelu": GELU,
    "rms_norm": RMS_NORM,
    "add": ADD,
}
SAMPLED = 20


def made(entry: str) -> dict[str, str]:
    """Return the variants of a kernel, also those of one that has all of its simplest rewrites."""
    found = dict(variants_of(KERNELS[entry], "cuda"))
    for name, source in list(found.items()):
        if name.startswith(("exp2", "reciprocal", "unmask", "alignment")):
            found |= {f"{name}, {then}": again for then, again in variants_of(source, "cuda")}
    return {f"{entry} {name}": source for name, source in found.items() if "float16" not in name}


def interpreted(variants: dict[str, str], folder: Path) -> None:
    """Run kernels, named by their entry point first, and compare them with torch."""
    for number, (name, source) in enumerate(variants.items()):
        (folder / f"{name.split()[0]}.{number}.py").write_text(f"# {name}\n{source}")
    script = Path(__file__).with_name("interpreting.py")
    ran = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, timeout=2000, check=False
    )
    assert ran.stdout == f"{len(variants)} kernels interpreted\n", ran.stdout + ran.stderr


def test_the_kernels_compute_what_torch_computes_and_so_does_a_sample_of_their_variants(tmp_path: Path):
    first = {}
    for entry, source in KERNELS.items():
        first[f"{entry} as it is"] = source
        first |= {f"{entry} {name}": made for name, made in variants_of(source, "cuda")}
    kept = {name: source for name, source in first.items() if name.endswith("as it is")}
    folded = [name for name in first if "by scale" in name or "heuristics" in name]
    picked = sample(first, SAMPLED) | kept | {name: first[name] for name in folded}
    interpreted(picked, tmp_path)


@pytest.mark.thorough
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("entry", KERNELS)
def test_every_variant_and_every_second_step_computes_what_torch_computes(entry: str, tmp_path: Path):
    interpreted(made(entry), tmp_path)
