"""Kernels with helpers, or with parts that could be some, and what they compute in tests of semantics."""

from __future__ import annotations

from tests.operators.kernels import HEAD

# Two helpers, one of them in the other, whose names clash with the kernel's; defaults and keywords.
RMS_NORM = f"""{HEAD}
@triton.jit
def masked(ptr, cols, n, fill: tl.constexpr = 0.0):
    \"\"\"Load what is there.\"\"\"
    mask = cols < n
    return tl.load(ptr + cols, mask=mask, other=fill)


# Sums are kept for each lane.
@triton.jit
def added(total, ptr, cols, n, POWER: tl.constexpr):
    x = masked(ptr, cols, n)
    if POWER == 2:
        x = x * x
    total += x
    return total


@triton.jit
def rms_norm_kernel(x_ptr, out_ptr, n, stride, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * stride
    total = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, n, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        total = added(total, x_ptr + row, cols, n, POWER=2)
    mean = tl.sum(total, axis=0) / n
    for start in range(0, n, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        # the norm
        x = masked(x_ptr + row, cols, n) * tl.rsqrt(mean + 1e-6)
        tl.store(out_ptr + row + cols, x, mask=cols < n)


def rms_norm(x):
    out = torch.empty_like(x)
    rows, n = x.shape
    rms_norm_kernel[(rows,)](x, out, n, x.stride(0), BLOCK=64)
    return out
"""

# A helper that stores and returns nothing, one that returns two values, and an expression written twice.
SQUARED = f"""{HEAD}
@triton.jit
def place(pid, BLOCK: tl.constexpr):
    offsets = pid * BLOCK + tl.arange(0, BLOCK)
    return offsets, offsets * 0 + 1


@triton.jit
def put(ptr, offsets, value, n):
    tl.store(ptr + offsets, value, mask=offsets < n)


@triton.jit
def squared_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr = 64):
    offsets, ones = place(tl.program_id(0), BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    root = tl.sqrt(tl.abs(x).to(tl.float32) * ones)
    fourth = tl.sqrt(tl.abs(x).to(tl.float32) * ones) * root
    put(out_ptr, offsets, (fourth * fourth).to(x.dtype), n)


def squared(x):
    out = torch.empty_like(x)
    n = x.numel()
    squared_kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)](x, out, n, BLOCK=64)
    return out
"""

HELPED = {"rms_norm": RMS_NORM, "squared": SQUARED}
"""Sources by entry point."""
