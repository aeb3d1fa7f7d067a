"""The running sum over the last axis, the plain way: one program a row, block after block."""

import torch
import triton
import triton.language as tl

# Elements of a row that a program takes at a time.
BLOCK = 256


@triton.jit
def cumsum_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    x_row = x_ptr + row * n_cols
    out_row = out_ptr + row * n_cols

    # The sum of all blocks so far.
    before = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask, other=0.0).to(tl.float32)
        sums = before + tl.cumsum(x, axis=0)
        tl.store(out_row + cols, sums.to(out_ptr.dtype.element_ty), mask=mask)
        before += tl.sum(x, axis=0)


def cumsum(x):
    """Return the running sums of x over its last axis; x is contiguous, of any shape (..., n_cols)."""
    if not x.is_contiguous():
        raise ValueError(f"cumsum needs a contiguous tensor, got strides {x.stride()}")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    n_cols = x.shape[-1]
    n_rows = x.numel() // n_cols
    cumsum_kernel[(n_rows,)](x, out, n_cols, BLOCK=BLOCK, num_warps=4)
    return out
