from __future__ import annotations

import pytest

from operators.rewrites.one_pass import OnePass
from operators.rewrites.split_row import SplitRow
from tests.operators.kernels import ADD, FLIP, LAYER_NORM, LOG_SOFTMAX, MATMUL, SOFTMAX, sources

WHOLE = "softmax_kernel 3 loops over n_cols -> one block of the whole row"
HALVES = "softmax_kernel 3 loops over n_cols -> two blocks of the whole row"
RUNNING = "softmax_kernel 3 loops over n_cols -> 2, row_max running"

SOFTMAX_WHOLE = """
    # Pass 1: the largest element.
    row_max = -float("inf")
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_row + cols, mask=mask, other=-float("inf")).to(tl.float32)
    row_max = tl.maximum(row_max, tl.max(x, axis=0))

    # Pass 2: the sum of the exponentials; what is masked off adds exp(-inf) = 0.
    row_sum = 0.0
    row_sum += tl.sum(tl.exp(x - row_max), axis=0)

    # Pass 3: the quotients.
    y = tl.exp(x - row_max) / row_sum
    tl.store(out_row + cols, y.to(out_ptr.dtype.element_ty), mask=mask)


def softmax(x):
"""

SOFTMAX_RUNNING = """
    row_sum = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask, other=-float("inf")).to(tl.float32)
        row_max_new = tl.maximum(row_max, tl.max(x, axis=0))
        row_max_safe = tl.where(row_max_new == -float("inf"), 0.0, row_max_new)
        row_sum = row_sum * tl.exp(row_max - row_max_safe) + tl.sum(tl.exp(x - row_max_safe), axis=0)
        row_max = row_max_new

    # Pass 3: the quotients.
    for start in range(0, n_cols, BLOCK):
"""

LAYER_NORM_WHOLE = """
    total = 0.0
    # the mean
    cols = tl.arange(0, BLOCK)
    x_loaded = tl.load(base + cols, mask=cols < n, other=0.0).to(tl.float32)
    x = x_loaded
    total += tl.sum(x, axis=0)
    mean = total / n
    squares = 0.0
    x = tl.where(cols < n, x_loaded, 1.0)
    # lanes beyond the row count nothing
    x = tl.where(cols < n, x - mean, 0.0)
    squares += tl.sum(x * x, axis=0)
    scale = tl.rsqrt(squares / n + 1e-5)
    x = x_loaded
    w = tl.load(w_ptr + cols, mask=cols < n, other=0.0)
    tl.store(out_ptr + tl.program_id(0) * n + cols, (x - mean) * scale * w, mask=cols < n)
"""


def test_softmax_in_one_block():
    made = sources(OnePass(), SOFTMAX)
    assert list(made) == [WHOLE, HALVES, RUNNING]
    assert SOFTMAX_WHOLE in made[WHOLE]
    assert "BLOCK=triton.next_power_of_2(n_cols), num_warps=4" in made[WHOLE]
    assert made[WHOLE].startswith(SOFTMAX.split("    # Pass 1")[0]), "what comes before stays as it was"


def test_softmax_in_two_blocks():
    made = sources(OnePass(), SOFTMAX)
    (split,) = sources(SplitRow(), made[WHOLE]).values()
    assert made[HALVES] == split


def test_softmax_with_its_maximum_running():
    made = sources(OnePass(), SOFTMAX)[RUNNING]
    assert SOFTMAX_RUNNING in made
    assert made.endswith(SOFTMAX.split("    # Pass 3")[1]), "what comes after stays as it was"


def test_a_running_maximum_still_fits_into_one_block():
    running = sources(OnePass(), SOFTMAX)[RUNNING]
    assert list(sources(OnePass(), running)) == [
        "softmax_kernel 2 loops over n_cols -> one block of the whole row",
        "softmax_kernel 2 loops over n_cols -> two blocks of the whole row",
    ]


def test_one_block_is_the_end_of_it():
    made = sources(OnePass(), SOFTMAX)
    assert not sources(OnePass(), made[WHOLE])
    assert not sources(OnePass(), made[HALVES])


def test_overwritten_loads_are_kept_and_other_fills_are_put_in():
    made = sources(OnePass(), LAYER_NORM)
    source, _ = made.values()
    assert LAYER_NORM_WHOLE in source
    assert "(x, w, out, x.shape[1], triton.next_power_of_2(x.shape[1]))" in source


def test_exponentials_behind_names_masks_and_factors():
    running = sources(OnePass(), LOG_SOFTMAX)["log_softmax_kernel 3 loops over n -> 2, m running"]
    assert "s = s * tl.exp2((m - m_safe) * LOG2E) + tl.sum(p, axis=0)" in running
    assert "x = tl.where(mask, x, 0.0)" in running
    assert "# the sum" in running


@pytest.mark.parametrize("source", [FLIP, ADD, MATMUL])
def test_kernels_without_passes_over_a_row_are_left_alone(source: str):
    assert not sources(OnePass(), source)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("row = tl.program_id(0)", "row = tl.program_id(0) * BLOCK"),  # the block means something else too
        ("[(n_rows,)]", "[(n_rows, triton.cdiv(n_cols, 256))]"),  # the grid depends on it
        ("[(n_rows,)]", "[lambda meta: (n_rows + meta['BLOCK'],)]"),
        ("n_cols, BLOCK=256", "n_cols, **options"),
        ("import triton\n", "import triton as t\nfrom triton import cdiv, jit\nfrom t import triton\n"),
        ("@triton.jit\n", "@triton.autotune(configs=[], key=[])\n@triton.jit\n"),
        ("mask = cols < n_cols\n", "mask = cols < tl.maximum(n_cols, start)\n"),  # not only added to
    ],
)
def test_one_block_only_where_it_is_sure(was: str, becomes: str):
    assert was in SOFTMAX
    assert WHOLE not in sources(OnePass(), SOFTMAX.replace(was, becomes))


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("row_sum = 0.0", "row_sum = 1.0"),  # rescaling would scale the start too
        ("row_sum = 0.0", "row_sum = row_max * 0"),
        ("tl.exp(x - row_max), axis", "tl.exp((x - row_max) * x), axis"),  # the factor varies
        ("tl.exp(x - row_max), axis", "tl.exp(x - row_max) * row_max, axis"),
        ("tl.exp(x - row_max), axis", "tl.exp(x - row_max) + 1, axis"),
        ("row_sum += tl.sum(", "row_sum += 2 * tl.sum("),
        ("row_max = tl.maximum(row_max, tl.max(x, axis=0))", "row_max += tl.max(x, axis=0)"),
        ("        row_sum += ", "        tl.store(out_row + cols, x)\n        row_sum += "),
        ("mask=mask, other=-float", "mask=cols < start, other=-float"),  # loads nothing twice
    ],
)
def test_a_running_maximum_only_where_it_is_sure(was: str, becomes: str):
    assert was in SOFTMAX
    made = sources(OnePass(), SOFTMAX.replace(was, becomes, 1))
    assert RUNNING not in made


def test_a_load_after_a_store_is_loaded_again():
    stored = SOFTMAX.replace(
        "    # Pass 3: the quotients.\n", "    # Pass 3: the quotients.\n    tl.store(out_row, row_sum)\n"
    )
    assert sources(OnePass(), stored)[WHOLE].count("tl.load") == 2
