from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from experiments.suites.loader import load_task
from fitness.devices import DEVICES
from operators.rewrites.constant_sizes import ConstantSizes
from operators.rewrites.one_pass import OnePass
from tests.operators.kernels import ADD, FLIP, LAYER_NORM, MATMUL, SOFTMAX, changed, sources

FAMILY = ConstantSizes()


def test_the_length_of_a_row_becomes_a_constant():
    (made,) = sources(FAMILY, FLIP).values()
    assert changed(FLIP, made) == [
        "-def flip_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):",
        "+def flip_kernel(x_ptr, out_ptr, n_cols: tl.constexpr, BLOCK: tl.constexpr):",
    ]
    assert not sources(FAMILY, made), "once is enough"


@pytest.mark.parametrize(
    ("source", "summaries"),
    [
        (SOFTMAX, ["softmax_kernel n_cols constant"]),
        (LAYER_NORM, ["norm_kernel n constant"]),
        (MATMUL, ["matmul_kernel n constant"]),
        ((load_task("matmul").seed.source), ["matmul_kernel n, k constant"]),  # not the number of rows
        (ADD, []),  # the length of all there is
    ],
)
def test_kernels_in_many_styles(source: str, summaries: list[str]):
    assert list(sources(FAMILY, source)) == summaries


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("    mask = cols", "    n_cols = n_cols - 1\n    mask = cols"),
        ("row * n_cols + cols", "row * n_cols.to(tl.int64) + cols"),
        ("n_cols, BLOCK=BLOCK, num_warps=4)", "-n_cols, BLOCK=BLOCK, num_warps=4)"),
        ("n_cols, BLOCK=BLOCK, num_warps=4)", "*[n_cols], BLOCK=BLOCK, num_warps=4)"),
        ("x, out, n_cols, ", "x, out, n_cols / 2, "),
    ],
)
def test_only_where_it_is_sure(was: str, becomes: str):
    source = FLIP.replace(was, becomes)
    assert source != FLIP
    assert not sources(FAMILY, source)


WHOLE = "softmax_kernel 3 loops over n_cols -> one block of the whole row"
COLS, BLOCK = 5000, 8192
WIDE = {"cuda": r"ld\.global\.v4\.b32", "hip": r"buffer_load_dwordx4"}
ANY = {"cuda": r"ld\.global", "hip": r"buffer_load"}


@pytest.mark.parametrize("arch", ["gfx942", "sm_90"])
def test_rows_of_a_length_that_only_8_divides_are_read_in_vectors(arch: str, tmp_path: Path):
    backend = DEVICES[arch].backend
    whole = sources(OnePass(), SOFTMAX)[WHOLE]
    (constant,) = sources(FAMILY, whole).values()
    before, after = (assembly(each, arch, tmp_path / name) for name, each in (("a", whole), ("b", constant)))
    assert not re.findall(WIDE[backend], before)
    assert re.findall(WIDE[backend], after)
    assert len(re.findall(ANY[backend], after)) * 8 == len(re.findall(ANY[backend], before))


def assembly(source: str, arch: str, folder: Path) -> str:
    """Return what a softmax of half-precision rows is compiled to."""
    folder.mkdir()
    path, device = folder / "kernel.py", DEVICES[arch]
    path.write_text(source)
    spec = importlib.util.spec_from_file_location("kernel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    given = {"n_cols": COLS, "BLOCK": BLOCK}
    plain = "n_cols: tl" not in source
    compiled = triton.compile(
        ASTSource(
            fn=module.softmax_kernel,
            signature={
                "x_ptr": "*fp16",
                "out_ptr": "*fp16",
                "n_cols": "i32" if plain else "constexpr",
                "BLOCK": "constexpr",
            },
            constexprs={name: value for name, value in given.items() if name == "BLOCK" or not plain},
            attrs={(at,): [["tt.divisibility", 16]] for at in range(2)},
        ),
        target=GPUTarget(device.backend, device.triton_arch, device.warp_size),
        options={"num_warps": 8},
    )
    text: str = compiled.asm["ptx" if device.backend == "cuda" else "amdgcn"]
    return text
