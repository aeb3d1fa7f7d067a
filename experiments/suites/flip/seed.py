"""Flip of the last axis, the plain way: one program a block of elements of a row."""

import torch
import triton
import triton.language as tl

# Elements that a program moves.
BLOCK = 256


@triton.jit
def flip_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    cols = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_ptr + row * n_cols + (n_cols - 1 - cols), mask=mask)
    tl.store(out_ptr + row * n_cols + cols, x, mask=mask)


def flip(x):
    """Return x with its last axis reversed; x is contiguous, of any shape (..., n_cols)."""
    if not x.is_contiguous():
        raise ValueError(f"flip needs a contiguous tensor, got strides {x.stride()}")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    n_cols = x.shape[-1]
    grid = (x.numel() // n_cols, triton.cdiv(n_cols, BLOCK))
    flip_kernel[grid](x, out, n_cols, BLOCK=BLOCK, num_warps=4)
    return out
