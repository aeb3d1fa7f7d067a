"""Kernels whose loops and grids can be changed, with what they compute."""

from __future__ import annotations

from tests.operators.kernels import HEAD

# A grid over tiles of both axes, ragged everywhere; pointers are worked out in each turn.
PRODUCT = f"""{HEAD}
@triton.jit
def product_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr
):
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    cols = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a_mask = (rows[:, None] < M) & (inner[None, :] < K)
        b_mask = (inner[:, None] < K) & (cols[None, :] < N)
        a = tl.load(a_ptr + rows[:, None] * K + inner[None, :], mask=a_mask, other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + cols[None, :], mask=b_mask, other=0.0)
        acc += tl.dot(a, b, input_precision="ieee")
    mask = (rows[:, None] < M) & (cols[None, :] < N)
    tl.store(c_ptr + rows[:, None] * N + cols[None, :], acc.to(c_ptr.dtype.element_ty), mask=mask)


def product(a, b):
    (M, K), N = a.shape, b.shape[1]
    c = torch.empty((M, N), device=a.device, dtype=a.dtype)
    grid = (triton.cdiv(M, 16), triton.cdiv(N, 16))
    product_kernel[grid](a, b, c, M, N, K, BLOCK_M=16, BLOCK_N=16, BLOCK_K=16)
    return c
"""

# The tutorial's matmul: a grid in one dimension, pointers that advance, loops that count blocks.
MARCHING = f"""{HEAD}
@triton.jit
def marching_kernel(
    a_ptr,
    b_ptr,
    c_ptr,
    M,
    N,
    K,
    stride_am,
    stride_ak,
    BLOCK: tl.constexpr,
    DEPTH: tl.constexpr,  # of a step
):
    pid = tl.program_id(axis=0)
    across = tl.cdiv(N, BLOCK)
    pid_m = pid // across
    pid_n = pid % across
    rows = pid_m * BLOCK + tl.arange(0, BLOCK)
    cols = pid_n * BLOCK + tl.arange(0, BLOCK)
    inner = tl.arange(0, DEPTH)
    a_ptrs = a_ptr + (rows[:, None] % M) * stride_am + inner[None, :] * stride_ak
    b_ptrs = b_ptr + inner[:, None] * N + (cols[None, :] % N)
    acc = tl.zeros([BLOCK, BLOCK], tl.float32)
    for k in range(0, tl.cdiv(K, DEPTH)):
        a = tl.load(a_ptrs, mask=inner[None, :] < K - k * DEPTH, other=0.0)
        b = tl.load(b_ptrs, mask=inner[:, None] < K - k * DEPTH, other=0.0)
        acc = tl.dot(a, b, acc, input_precision="ieee")
        a_ptrs += DEPTH * stride_ak
        b_ptrs += DEPTH * N
    c = acc.to(c_ptr.dtype.element_ty)
    mask = (rows[:, None] < M) & (cols[None, :] < N)
    tl.store(c_ptr + rows[:, None] * N + cols[None, :], c, mask=mask)


def marching(a, b):
    M, K = a.shape
    K, N = b.shape
    c = torch.empty((M, N), device=a.device, dtype=a.dtype)
    grid = lambda meta: (triton.cdiv(M, meta["BLOCK"]) * triton.cdiv(N, meta["BLOCK"]),)
    marching_kernel[grid](a, b, c, M, N, K, a.stride(0), a.stride(1), BLOCK=16, DEPTH=32, num_stages=2)
    return c
"""

# Parameters that are assigned to, a row that fits one block, a helper, and a loop of constant length.
RMS_NORM = f"""{HEAD}
@triton.jit
def scaled(x, factor, EPS: tl.constexpr):
    floor = EPS
    return x * tl.rsqrt(factor + floor)


@triton.jit
def rms_norm_kernel(x_ptr, out_ptr, n, stride, BLOCK: tl.constexpr, CHUNKS: tl.constexpr):
    \"\"\"One program a row.\"\"\"
    row = tl.program_id(0)
    x_ptr += row * stride
    out_ptr += row * stride
    total = 0.0
    for chunk in range(CHUNKS):
        cols = chunk * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + cols, mask=cols < n, other=0.0)
        total += tl.sum(x * x, axis=0)
    mean = total / n
    for chunk in range(CHUNKS):
        cols = chunk * BLOCK + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + cols, mask=cols < n, other=0.0)
        y = scaled(x, mean, EPS=1e-6)
        tl.store(out_ptr + cols, y, mask=cols < n)


def rms_norm(x):
    out = torch.empty_like(x)
    rows, n = x.shape
    rms_norm_kernel[(rows,)](x, out, n, x.stride(0), BLOCK=64, CHUNKS=triton.cdiv(n, 64))
    return out
"""

# Elements in one dimension; the grid in a lambda without a name.
SQUARED = f"""{HEAD}
@triton.jit
def squared_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr = 64):
    start = tl.program_id(0).to(tl.int64) * BLOCK
    offsets = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    tl.store(out_ptr + offsets, x * x, mask=offsets < n)


def squared(x):
    out = torch.empty_like(x)
    n = x.numel()
    squared_kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)](x, out, n, BLOCK=64)
    return out
"""

# Attention for one head: a loop over keys with running maximum and sum, a grid of three axes.
ATTENTION = f"""{HEAD}
@triton.jit
def attention_kernel(q_ptr, k_ptr, v_ptr, out_ptr, n, heads, scale, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    head = tl.program_id(1) + tl.program_id(2) * heads
    base = head.to(tl.int64) * n * WIDTH
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    width = tl.arange(0, WIDTH)
    q = tl.load(q_ptr + base + rows[:, None] * WIDTH + width[None, :], mask=rows[:, None] < n, other=0.0)
    top = tl.full((ROWS,), -1e30, tl.float32)
    total = tl.zeros((ROWS,), tl.float32)
    acc = tl.zeros((ROWS, WIDTH), tl.float32)
    for start in range(0, n, 16):
        keys = start + tl.arange(0, 16)
        k = tl.load(k_ptr + base + keys[None, :] * WIDTH + width[:, None], mask=keys[None, :] < n, other=0.0)
        v = tl.load(v_ptr + base + keys[:, None] * WIDTH + width[None, :], mask=keys[:, None] < n, other=0.0)
        scores = tl.dot(q, k, input_precision="ieee") * scale
        scores = tl.where(keys[None, :] < n, scores, -1e30)
        higher = tl.maximum(top, tl.max(scores, axis=1))
        p = tl.exp(scores - higher[:, None])
        shrink = tl.exp(top - higher)
        total = total * shrink + tl.sum(p, axis=1)
        acc = acc * shrink[:, None] + tl.dot(p, v, input_precision="ieee")
        top = higher
    out = acc / total[:, None]
    tl.store(out_ptr + base + rows[:, None] * WIDTH + width[None, :], out, mask=rows[:, None] < n)


def attention(q, k, v):
    batch, heads, n, width = q.shape
    out = torch.empty_like(q)
    grid = (triton.cdiv(n, 16), heads, batch)
    attention_kernel[grid](q, k, v, out, n, heads, width**-0.5, 16, WIDTH=width)
    return out
"""

LOOPS = {
    "product": PRODUCT,
    "marching": MARCHING,
    "rms_norm": RMS_NORM,
    "squared": SQUARED,
    "attention": ATTENTION,
}
"""Sources by entry point."""
