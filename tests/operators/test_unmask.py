from __future__ import annotations

import re

import pytest

from operators.rewrites.one_pass import OnePass
from operators.rewrites.unmask import Unmask
from tests.operators.dense_kernels import ATTENTION, GELU, MASKED_MATMUL, RMS_NORM
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, LAYER_NORM, MATMUL, SOFTMAX, changed, sources

FAMILY = Unmask()
EVEN = "flip_kernel 2 masks only unless n_cols % BLOCK == 0"


def test_masks_are_used_unless_the_length_is_a_multiple_of_the_block():
    (made,) = (source for summary, source in sources(FAMILY, FLIP).items() if summary == EVEN)
    assert changed(FLIP, made) == [
        '+@triton.heuristics({"EVEN": lambda args: args["n_cols"] % args["BLOCK"] == 0})',
        "-def flip_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):",
        "+def flip_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr, EVEN: tl.constexpr):",
        "-x = tl.load(x_ptr + row * n_cols + (n_cols - 1 - cols), mask=mask)",
        "+x = tl.load(x_ptr + row * n_cols + (n_cols - 1 - cols), mask=None if EVEN else mask)",
        "-tl.store(out_ptr + row * n_cols + cols, x, mask=mask)",
        "+tl.store(out_ptr + row * n_cols + cols, x, mask=None if EVEN else mask)",
    ]
    assert not sources(FAMILY, made), "once is enough"


def test_what_masked_lanes_hold_goes_with_the_mask():
    (made,) = sources(FAMILY, LAYER_NORM).values()
    assert "mask=None if EVEN else cols < n, other=None if EVEN else 1.0" in made


@pytest.mark.parametrize(
    ("source", "condition"),
    [
        (SOFTMAX, "n_cols % BLOCK == 0"),  # the loop sees to it
        (ADD, "n % BLOCK == 0"),  # the host gives the number of blocks a name
        (GELU, "n % BLOCK == 0"),
        (AUTOTUNED, "n % BLOCK == 0"),
        (ATTENTION, "length % BLOCK == 0"),
        (RMS_NORM, "n >= BLOCK"),  # one block from 0 on
        (MASKED_MATMUL, "K % BLOCK_K == 0, M % BLOCK_M == 0, N % BLOCK_N == 0"),
        (MASKED_MATMUL, "K % BLOCK_K == 0, N % BLOCK_N == 0"),
    ],
)
def test_kernels_in_many_styles(source: str, condition: str):
    made = sources(FAMILY, source)
    (summary,) = (summary for summary in made if summary.endswith(f" unless {condition}"))
    told = re.sub(r"[A-Za-z_]+", r'args["\g<0>"]', condition).replace(", ", " and ")
    assert f'@triton.heuristics({{"EVEN": lambda args: {told}}})' in made[summary]


def test_it_goes_with_a_row_in_one_block():
    whole = sources(OnePass(), SOFTMAX)["softmax_kernel 3 loops over n_cols -> one block of the whole row"]
    assert list(sources(FAMILY, whole)) == ["softmax_kernel 2 masks only unless n_cols >= BLOCK"]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("triton.cdiv(n_cols, BLOCK))", "triton.cdiv(n_cols, BLOCK) + 1)"),  # a program too many
        ("triton.cdiv(n_cols, BLOCK))", "triton.cdiv(x.numel(), BLOCK))"),
        ("triton.cdiv(n_cols, BLOCK))", "64)"),
        ("    grid = (", "    n_cols = x.numel()\n    grid = ("),  # which one is meant?
        ("program_id(1)", "program_id(0)"),
        ("cols < n_cols", "cols <= n_cols"),
        ("cols < n_cols", "cols < n_cols + 1"),
        ("cols < n_cols", "(cols < n_cols) & (x_ptr == 0)"),
        ("cols < n_cols", "cols + 1 < n_cols"),
        ("* BLOCK + tl", "* BLOCK * 2 + tl"),
        ("    mask = cols", "    n_cols = n_cols - 1\n    mask = cols"),
        ("    mask = cols", "    cols += 1\n    mask = cols"),
        ("n_cols, BLOCK=BLOCK, num_warps=4)", "n_cols, **dict(BLOCK=BLOCK))"),
        ("    x = tl.load", "    mask |= True\n    x = tl.load"),
        ("import triton\n", "import triton as t\nfrom t import triton\n"),
    ],
)
def test_only_where_it_is_sure(was: str, becomes: str):
    assert was in FLIP
    assert not sources(FAMILY, FLIP.replace(was, becomes))


@pytest.mark.parametrize("masked", ["mask=inner[None, :] < 64, other=0.0", "inner[None, :] < 64, 0.0"])
def test_masks_that_always_hold_go(masked: str):
    exact = MATMUL.replace("range(0, n, 16)", "range(0, 64, 16)")
    load = "tl.load(a_ptr + rows[:, None] * n + inner[None, :])"
    source = exact.replace(load, f"{load[:-1]}, {masked})")
    made = sources(FAMILY, source)
    assert made == {"matmul_kernel 1 masks that always hold left out": exact}
    assert not sources(FAMILY, source.replace("64", "72"))


def test_a_flag_gets_a_name_and_a_default_of_its_own():
    source = FLIP.replace("BLOCK: tl.constexpr", "BLOCK: tl.constexpr, EVEN: tl.constexpr = True")
    (made,) = sources(FAMILY, source).values()
    assert "EVEN: tl.constexpr = True, EVEN_2: tl.constexpr = False" in made
