"""log_softmax over the last axis, the plain way: one program a row, three passes over the row."""

import torch
import triton
import triton.language as tl

# Elements of a row that a program takes at a time.
BLOCK = 256


@triton.jit
def log_softmax_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    x_row = x_ptr + row * n_cols
    out_row = out_ptr + row * n_cols

    # Pass 1: the largest element.
    row_max = -float("inf")
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_row + cols, mask=cols < n_cols, other=-float("inf")).to(tl.float32)
        row_max = tl.maximum(row_max, tl.max(x, axis=0))

    # Pass 2: the sum of the exponentials; what is masked off adds exp(-inf) = 0.
    row_sum = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_row + cols, mask=cols < n_cols, other=-float("inf")).to(tl.float32)
        row_sum += tl.sum(tl.exp(x - row_max), axis=0)

    # Pass 3: each element less the logarithm of that sum.
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask).to(tl.float32)
        y = x - row_max - tl.log(row_sum)
        tl.store(out_row + cols, y.to(out_ptr.dtype.element_ty), mask=mask)


def log_softmax(x):
    """Return log_softmax(x) over the last axis; x is contiguous, of any shape (..., n_cols)."""
    if not x.is_contiguous():
        raise ValueError(f"log_softmax needs a contiguous tensor, got strides {x.stride()}")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    n_cols = x.shape[-1]
    n_rows = x.numel() // n_cols
    log_softmax_kernel[(n_rows,)](x, out, n_cols, BLOCK=BLOCK, num_warps=4)
    return out
