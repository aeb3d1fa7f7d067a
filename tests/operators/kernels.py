"""Kernels to rewrite, beside the seeds of the tasks."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import libcst as cst

from operators.rewrites.family import Rewrite

SUITES = Path(__file__).parents[2] / "experiments" / "suites"
SOFTMAX = (SUITES / "softmax" / "seed.py").read_text()
FLIP = (SUITES / "flip" / "seed.py").read_text()

HEAD = """import torch
import triton
import triton.language as tl

"""

ADD = f"""{HEAD}
@triton.jit
def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask=mask)
    y = tl.load(y_ptr + offsets, mask=mask)
    tl.store(out_ptr + offsets, x + y, mask=mask)


def add(x, y):
    out = torch.empty_like(x)
    n = x.numel()
    blocks = triton.cdiv(n, 512)  # as many as it takes
    add_kernel[(blocks,)](
        x,
        y,
        out,
        n,
        BLOCK=512,  # the tile
    )
    return out
"""

# Sizes in one tuple, a grid in a lambda, a helper that does the product, and options that the host computes.
MATMUL = f"""{HEAD}
@triton.jit
def product(a, b, acc):
    return tl.dot(a, b, acc)


@triton.jit
def matmul_kernel(
    a_ptr, b_ptr, c_ptr, n, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, GROUP_M: tl.constexpr
):
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    cols = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    acc = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, n, 16):
        inner = k + tl.arange(0, 16)
        a = tl.load(a_ptr + rows[:, None] * n + inner[None, :])
        b = tl.load(b_ptr + inner[:, None] * n + cols[None, :])
        acc = product(a, b, acc)
    tl.store(c_ptr + rows[:, None] * n + cols[None, :], acc)


def matmul(a, b):
    n = a.shape[0]
    c = torch.empty_like(a)
    BLOCK_M, BLOCK_N = 64, 32
    warps = 8 if n > 512 else 4
    grid = lambda meta: (triton.cdiv(n, meta["BLOCK_M"]), triton.cdiv(n, meta["BLOCK_N"]))
    matmul_kernel[grid](a, b, c, n, BLOCK_M=BLOCK_M, BLOCK_N=BLOCK_N, GROUP_M=8, num_warps=warps)
    return c
"""

AUTOTUNED = f"""{HEAD}
@triton.autotune(
    configs=[
        triton.Config({{"BLOCK": 256}}, num_warps=4),
        triton.Config({{"BLOCK": 1024, "waves_per_eu": 2}}, num_warps=8),
    ],
    key=["n"],
)
@triton.jit
def scale_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + offsets, 2 * tl.load(x_ptr + offsets, mask=offsets < n), mask=offsets < n)


def scale(x):
    out = torch.empty_like(x)
    scale_kernel[lambda meta: (triton.cdiv(x.numel(), meta["BLOCK"]),)](x, out, x.numel())
    return out
"""

# Three passes that overwrite what they loaded, fills that differ, loops that count blocks.
LAYER_NORM = f"""{HEAD}
COLS = 64


@triton.jit
def norm_kernel(x_ptr, w_ptr, out_ptr, n, BLOCK: tl.constexpr):
    base = x_ptr + tl.program_id(0) * n
    total = 0.0
    for block in range(tl.cdiv(n, BLOCK)):  # the mean
        cols = block * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(base + cols, mask=cols < n, other=0.0).to(tl.float32)
        total += tl.sum(x, axis=0)
    mean = total / n
    squares = 0.0
    for block in range(tl.cdiv(n, BLOCK)):
        cols = block * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(base + cols, mask=cols < n, other=1.0).to(tl.float32)
        # lanes beyond the row count nothing
        x = tl.where(cols < n, x - mean, 0.0)
        squares += tl.sum(x * x, axis=0)
    scale = tl.rsqrt(squares / n + 1e-5)
    for block in range(tl.cdiv(n, BLOCK)):
        cols = block * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(base + cols, mask=cols < n, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + cols, mask=cols < n, other=0.0)
        tl.store(out_ptr + tl.program_id(0) * n + cols, (x - mean) * scale * w, mask=cols < n)


def layer_norm(x, w):
    out = torch.empty_like(x)
    norm_kernel[(x.shape[0],)](x, w, out, x.shape[1], COLS)
    return out
"""

# log-softmax in base 2, its exponentials behind a name and a mask, its loops with variables of their own.
LOG_SOFTMAX = f"""{HEAD}
LOG2E = tl.constexpr(1.4426950408889634)


@triton.jit
def log_softmax_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    base = x_ptr + tl.program_id(0) * n
    m = float("-inf")
    s = 0.0
    for i in range(0, n, BLOCK):
        x = tl.load(base + i + tl.arange(0, BLOCK), mask=i + tl.arange(0, BLOCK) < n, other=float("-inf"))
        m = tl.maximum(tl.max(x, axis=0), m)
    # the sum
    for j in range(0, n, BLOCK):
        mask = j + tl.arange(0, BLOCK) < n
        x = tl.load(base + j + tl.arange(0, BLOCK), mask=mask, other=0.0)
        e = tl.exp2((x - m) * LOG2E)
        p = tl.where(mask, e, 0.0)
        s = s + tl.sum(p, axis=0)
    for i in range(0, n, BLOCK):
        mask = i + tl.arange(0, BLOCK) < n
        x = tl.load(base + i + tl.arange(0, BLOCK), mask=mask, other=0.0)
        tl.store(out_ptr + tl.program_id(0) * n + i + tl.arange(0, BLOCK), x - m - tl.log(s), mask=mask)


def log_softmax(x):
    out = torch.empty_like(x)
    log_softmax_kernel[(x.shape[0],)](x, out, x.shape[1], BLOCK=64)
    return out
"""


def sources(rewrite: Rewrite, source: str) -> dict[str, str]:
    """Return the source of each variant by its summary."""
    variants = rewrite.variants(cst.parse_module(source))
    made = {variant.summary: variant.source() for variant in variants}
    assert len(made) == len(variants), "summaries tell variants apart"
    return made


def changed(before: str, after: str) -> Sequence[str]:
    """Return the lines that went, with `-`, and that came, with `+`."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line[0] + line[1:].strip() for line in lines if line[0] in "+-"]
