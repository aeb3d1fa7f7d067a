"""The index of each row's largest element, the plain way: one program a row, block after block."""

import torch
import triton
import triton.language as tl

# Elements of a row that a program takes at a time.
BLOCK = 256


@triton.jit
def argmax_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    x_row = x_ptr + row * n_cols

    best = tl.full((), -float("inf"), tl.float32)
    best_at = tl.full((), 0, tl.int32)
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_row + cols, mask=cols < n_cols, other=-float("inf")).to(tl.float32)
        # The first of equals within the block; a later block must be larger to count.
        block_best, block_at = tl.max(x, axis=0, return_indices=True)
        best_at = tl.where(block_best > best, start + block_at, best_at)
        best = tl.maximum(best, block_best)
    tl.store(out_ptr + row, best_at.to(tl.int64))


def argmax(x):
    """Return the int64 index of the largest element over the last axis; x is contiguous, (..., n_cols)."""
    if not x.is_contiguous():
        raise ValueError(f"argmax needs a contiguous tensor, got strides {x.stride()}")
    out = torch.empty(x.shape[:-1], dtype=torch.int64, device=x.device)
    n_rows = out.numel()
    if n_rows == 0:
        return out
    argmax_kernel[(n_rows,)](x, out, x.shape[-1], BLOCK=BLOCK, num_warps=4)
    return out
