"""Rows of 8-bit whole numbers, the plain way: one program a row, two passes over it."""

import torch
import triton
import triton.language as tl
from triton.language.extra import libdevice

# Elements of a row that a program takes at a time.
BLOCK = 256


@triton.jit
def quantize_kernel(x_ptr, out_ptr, scale_ptr, n_cols, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    x_row = x_ptr + row * n_cols
    out_row = out_ptr + row * n_cols

    # Pass 1: the largest magnitude.
    largest = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_row + cols, mask=cols < n_cols, other=0.0).to(tl.float32)
        largest = tl.maximum(largest, tl.max(tl.abs(x), axis=0))
    scale = largest / 127.0
    tl.store(scale_ptr + row, scale)

    # Pass 2: how many steps each element is; a row of zeros has no step to divide by.
    step = tl.where(scale > 0.0, scale, 1.0)
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask, other=0.0).to(tl.float32)
        tl.store(out_row + cols, libdevice.rint(x / step).to(tl.int8), mask=mask)


def quantize_int8(x):
    """Return int8 steps of the shape of x, and a float32 scale a row; x is contiguous, (..., n_cols)."""
    if not x.is_contiguous():
        raise ValueError(f"quantize_int8 needs a contiguous tensor, got strides {x.stride()}")
    out = torch.empty(x.shape, dtype=torch.int8, device=x.device)
    scale = torch.empty(x.shape[:-1], dtype=torch.float32, device=x.device)
    if x.numel() == 0:
        return out, scale
    n_cols = x.shape[-1]
    quantize_kernel[(scale.numel(),)](x, out, scale, n_cols, BLOCK=BLOCK, num_warps=4)
    return out, scale
