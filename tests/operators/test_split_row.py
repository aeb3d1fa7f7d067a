from __future__ import annotations

import pytest

from operators.rewrites.one_pass import OnePass
from operators.rewrites.split_row import SplitRow
from tests.operators.kernels import ADD, FLIP, HEAD, LAYER_NORM, MATMUL, SOFTMAX, changed, sources

WHOLE_SOFTMAX = next(iter(sources(OnePass(), SOFTMAX).values()))
SUMMARY = "softmax_kernel row of BLOCK in two blocks"

PLAIN = f"""{HEAD}
@triton.jit
def scale_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + cols, mask=cols < n, other=0.0)
    total = tl.sum(x, axis=0)
    tl.store(out_ptr + row * n + cols, x / total, mask=cols < n)


def scale(x):
    out = torch.empty_like(x)
    n = x.shape[-1]
    scale_kernel[(x.shape[0],)](x, out, n, BLOCK=triton.next_power_of_2(n))
    return out
"""


def test_softmax_of_a_whole_row():
    made = sources(SplitRow(), WHOLE_SOFTMAX)
    assert list(made) == [SUMMARY]
    head = "max(triton.next_power_of_2(n_cols) // 2, 1)"
    new = [line[1:] for line in changed(WHOLE_SOFTMAX, made[SUMMARY]) if line[0] == "+"]
    assert new == [
        "def softmax_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr, TAIL: tl.constexpr):",
        "cols_tail = BLOCK + tl.arange(0, TAIL)",
        "mask_tail = cols_tail < n_cols",
        'x_tail = tl.load(x_row + cols_tail, mask=mask_tail, other=-float("inf")).to(tl.float32)',
        "row_max = tl.maximum(row_max, tl.maximum(tl.max(x, axis=0), tl.max(x_tail, axis=0)))",
        "row_sum += tl.sum(tl.exp(x - row_max), axis=0) + tl.sum(tl.exp(x_tail - row_max), axis=0)",
        "y_tail = tl.exp(x_tail - row_max) / row_sum",
        "tl.store(out_row + cols_tail, y_tail.to(out_ptr.dtype.element_ty), mask=mask_tail)",
        f"softmax_kernel[(n_rows,)](x, out, n_cols, BLOCK={head}, num_warps=4, "
        f"TAIL=triton.next_power_of_2(max(n_cols - {head}, 1)))",
    ]


def test_a_row_is_split_once():
    (made,) = sources(SplitRow(), WHOLE_SOFTMAX).values()
    assert not sources(SplitRow(), made)


@pytest.mark.parametrize("source", [SOFTMAX, FLIP, ADD, MATMUL, LAYER_NORM])
def test_blocks_that_are_no_row_stay(source: str):
    assert not sources(SplitRow(), source)


def test_names_that_are_taken():
    source = PLAIN.replace("total", "x_tail").replace("row", "TAIL")
    (made,) = sources(SplitRow(), source).values()
    assert "x_tail_2 = tl.load(x_ptr + TAIL * n + cols_tail, mask=cols_tail < n, other=0.0)" in made
    assert "x_tail = tl.sum(x, axis=0) + tl.sum(x_tail_2, axis=0)" in made
    assert "TAIL_2=triton.next_power_of_2(" in made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("total = tl.sum(x, axis=0)", "total = tl.sum(x, axis=0)\n    x = x / total\n    x *= x"),
        ("x / total,", "tl.where(cols < n, -x, tl.full((BLOCK,), 1.0, tl.float32)) / total,"),
        ("x / total,", "x / tl.full(value=2.0, shape=[BLOCK], dtype=tl.float32),"),
        ("tl.sum(x, axis=0)", "tl.sum(x)"),
        ("tl.sum(x, axis=0)", "tl.sum(x, 0)"),
        ("tl.sum(x, axis=0)", "tl.sum(x.to(tl.float64) * (cols + 1), axis=0).to(x.dtype)"),
        ("    row = ", "    for step in range(3):\n        pass\n    row = "),
    ],
)
def test_what_is_known_of_lanes(old: str, new: str):
    assert old in PLAIN
    assert len(sources(SplitRow(), PLAIN.replace(old, new))) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tl.sum(x, axis=0)", "tl.sum(tl.cumsum(x, axis=0), axis=0)"),
        ("tl.sum(x, axis=0)", "tl.max(x, axis=0, return_indices=True)[0]"),
        ("tl.sum(x, axis=0)", "tl.sum(x, axis=0, keep_dims=True)"),
        ("tl.sum(x, axis=0)", "tl.sum(x[None, :], axis=1)"),
        ("tl.sum(x, axis=0)", "tl.sum(x, axis=0) / BLOCK"),
        ("tl.sum(x, axis=0)", "x.sum(axis=0)"),
        ("tl.sum(x, axis=0)", "helper(x)"),
        ("tl.sum(x, axis=0)", "tl.sum(x + tl.zeros((BLOCK, BLOCK), tl.float32), axis=0)"),
        ("tl.sum(x, axis=0)", "tl.sum(x + tl.zeros(BLOCK, tl.float32), axis=0)"),
        ("total = tl.sum(x, axis=0)", "total = 0.0\n    total += x"),
        ("total = tl.sum(x, axis=0)", "total = 1.0\n    total = total * x"),
        ("total = tl.sum(x, axis=0)", "total = tl.sum(x, axis=0)\n    x = total"),
        ("total = tl.sum(x, axis=0)", "total, x = 1.0, x"),
        ("total = tl.sum(x, axis=0)", "total = 1.0\n    if n > 5:\n        x = x / 2"),
        (
            "total = tl.sum(x, axis=0)",
            "total = 0.0\n    for _ in range(2):\n        total += tl.sum(x, axis=0)",
        ),
        ("tl.arange(0, BLOCK)", "tl.arange(BLOCK, 2 * BLOCK)"),
        ("tl.arange(0, BLOCK)", "tl.max_contiguous(tl.arange(0, BLOCK), BLOCK)"),
        ("@triton.jit", '@triton.heuristics({"EVEN": lambda args: args["n"] >= args["BLOCK"]})\n@triton.jit'),
        ("BLOCK=triton.next_power_of_2(n)", "BLOCK=1024"),
        ("BLOCK=triton.next_power_of_2(n)", "BLOCK=triton.next_power_of_2(1000)"),
        ("BLOCK=triton.next_power_of_2(n)", '**{"BLOCK": triton.next_power_of_2(n)}'),
        ("[(x.shape[0],)]", '[lambda meta: (x.shape[0] * meta["BLOCK"] // meta["BLOCK"],)]'),
        ("BLOCK: tl.constexpr", "*, BLOCK: tl.constexpr"),
        ("BLOCK: tl.constexpr", "BLOCK"),
    ],
)
def test_what_is_not_known_is_left_alone(old: str, new: str):
    assert old in PLAIN
    assert not sources(SplitRow(), PLAIN.replace(old, new))
