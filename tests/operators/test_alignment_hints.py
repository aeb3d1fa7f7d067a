from __future__ import annotations

import pytest

from operators.rewrites.alignment_hints import AlignmentHints
from tests.operators.dense_kernels import GELU, MASKED_MATMUL
from tests.operators.kernels import ADD, FLIP, HEAD, LAYER_NORM, MATMUL, SOFTMAX, changed, sources

FAMILY = AlignmentHints()
COLS = "cols = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)"


def test_a_block_that_starts_at_a_multiple_of_its_size_says_so():
    made = sources(FAMILY, FLIP)
    assert list(made) == ["flip_kernel cols aligned", "flip_kernel n_cols, row assumed not negative"]
    hinted = f"cols = tl.max_contiguous(tl.multiple_of({COLS[7:]}, BLOCK), BLOCK)"
    assert changed(FLIP, made["flip_kernel cols aligned"]) == ["-" + COLS, "+" + hinted]


def test_sizes_and_program_ids_are_assumed_not_negative():
    made = sources(FAMILY, FLIP)["flip_kernel n_cols, row assumed not negative"]
    assert changed(FLIP, made) == ["+tl.assume(n_cols >= 0)", "+tl.assume(row >= 0)"]
    assert made.index("tl.assume(row") > made.index("row = tl.program_id(0)")
    assert "assumed" not in "".join(sources(FAMILY, made)), "once is enough"
    documented = sources(FAMILY, MASKED_MATMUL)
    (summary,) = (each for each in documented if "assumed" in each)
    assert "stride_am" in summary
    assert "'''C = A @ B.'''\n    tl.assume(M >= 0)\n" in documented[summary], "behind the docstring"


@pytest.mark.parametrize(
    ("source", "kernel", "names"),
    [
        (SOFTMAX, "softmax_kernel", "cols"),  # starts of loops
        (LAYER_NORM, "norm_kernel", "cols"),  # numbers of blocks
        (MATMUL, "matmul_kernel", "rows, cols, inner"),
        (GELU, "gelu_kernel", "offsets"),  # a start with a name
        (ADD, "add_kernel", "offsets"),
    ],
)
def test_blocks_in_many_styles(source: str, kernel: str, names: str):
    assert f"{kernel} {names} aligned" in sources(FAMILY, source)


@pytest.mark.parametrize(
    "start",
    [
        "tl.program_id(1) * 100 +",  # 100 is no multiple of what BLOCK may be
        "n_cols * 1 +",
        "x_ptr +",
        "tl.program_id(1) * BLOCK + 1 +",
        "BLOCK // 2 +",
        "tl.load(x_ptr) * BLOCK +",  # may be a block
        "tl.arange(0, BLOCK) * BLOCK +",
        "",  # the compiler knows all of it
    ],
)
def test_only_what_the_source_proves(start: str):
    source = FLIP.replace(COLS, f"cols = {start} tl.arange(0, BLOCK)")
    assert source != FLIP
    assert not any("aligned" in summary for summary in sources(FAMILY, source))


@pytest.mark.parametrize(
    "definition",
    [
        "start = tl.program_id(1) * BLOCK\n    start += 1",
        "start = tl.program_id(1) * BLOCK\n    start = start + 1",
        "start, other = 0, 1\n    other, start = start, other",
        "for start in range(1, n_cols, BLOCK):\n        pass",
        "for start in range(0, n_cols, n_cols):\n        pass",
        "for start in (0, 3):\n        pass",
    ],
)
def test_every_definition_of_a_start_counts(definition: str):
    source = FLIP.replace(COLS, f"{definition}\n    cols = start + tl.arange(0, BLOCK)")
    assert not any("aligned" in summary for summary in sources(FAMILY, source))


@pytest.mark.parametrize(
    ("given", "proved"),
    [
        ("x.shape[-1]", True),
        ("x.stride(0)", True),
        ("x.numel() // 4", True),
        ("triton.cdiv(x.numel(), 4)", True),
        ("max(len(x), 1)", True),
        ("x.shape[-1] - 1", False),
        ("-1", False),
        ("x", False),
        ("offset", False),  # a parameter of the host
        ("int(x.item())", False),
    ],
)
def test_only_what_the_host_proves(given: str, proved: bool):
    source = FLIP.replace("n_cols = x.shape[-1]", f"n_cols = {given}").replace("flip(x)", "flip(x, offset=0)")
    assert any("n_cols, row assumed" in summary for summary in sources(FAMILY, source)) == proved


def test_hints_go_too():
    made = sources(FAMILY, FLIP)["flip_kernel cols aligned"]
    bare = sources(FAMILY, made)["flip_kernel no hints"]
    assert changed(FLIP, bare) == ["-" + COLS, "+cols = (" + COLS[7:] + ")"]


def test_blocks_given_to_helpers_are_not_taken_for_starts():
    source = f"""{HEAD}
@triton.jit
def helper(start, BLOCK: tl.constexpr):
    cols = start * BLOCK + tl.arange(0, BLOCK)
    return cols


@triton.jit
def outer(x_ptr, BLOCK: tl.constexpr):
    tl.store(x_ptr + helper(tl.arange(0, BLOCK), BLOCK), 0)
"""
    assert not sources(FAMILY, source)
