"""The transpose of a matrix, the plain way: one program a square tile, which it loads and stores turned."""

import torch
import triton
import triton.language as tl

# Rows and columns of the tile that a program turns.
BLOCK = 32


@triton.jit
def transpose_kernel(x_ptr, out_ptr, n_rows, n_cols, BLOCK: tl.constexpr):
    # 64-bit, so that offsets hold for matrices of more than 2**31 elements.
    rows = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    cols = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = (rows < n_rows)[:, None] & (cols < n_cols)[None, :]
    x = tl.load(x_ptr + rows[:, None] * n_cols + cols[None, :], mask=mask)
    tl.store(out_ptr + cols[None, :] * n_rows + rows[:, None], x, mask=mask)


def transpose(x):
    """Return the transpose of x as a contiguous tensor; x is contiguous, of shape (n_rows, n_cols)."""
    if x.dim() != 2 or not x.is_contiguous():
        raise ValueError(f"transpose needs a contiguous matrix, got shape {x.shape}, strides {x.stride()}")
    n_rows, n_cols = x.shape
    out = torch.empty((n_cols, n_rows), dtype=x.dtype, device=x.device)
    if x.numel() == 0:
        return out
    grid = (triton.cdiv(n_rows, BLOCK), triton.cdiv(n_cols, BLOCK))
    transpose_kernel[grid](x, out, n_rows, n_cols, BLOCK=BLOCK, num_warps=4)
    return out
