import torch
import triton
import triton.language as tl

BLOCK = 256
WARPS = 4


@triton.jit
def transpose_kernel(x_ptr, out_ptr, n_rows, n_cols, BLOCK: tl.constexpr):
    col = tl.program_id(0)
    rows = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = rows < n_rows
    x = tl.load(x_ptr + rows * n_cols + col, mask=mask)
    tl.store(out_ptr + col * n_rows + rows, x, mask=mask)


def transpose(x):
    rows, cols = x.shape
    out = torch.empty((cols, rows), dtype=x.dtype, device=x.device)
    transpose_kernel[(cols, triton.cdiv(rows, BLOCK))](x, out, rows, cols, BLOCK=BLOCK, num_warps=WARPS)
    return out
