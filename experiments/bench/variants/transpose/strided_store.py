import torch
import triton
import triton.language as tl

BLOCK = 256
WARPS = 4


@triton.jit
def transpose_kernel(x_ptr, out_ptr, n_rows, n_cols, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    cols = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_ptr + row * n_cols + cols, mask=mask)
    tl.store(out_ptr + cols * n_rows + row, x, mask=mask)


def transpose(x):
    rows, cols = x.shape
    out = torch.empty((cols, rows), dtype=x.dtype, device=x.device)
    transpose_kernel[(rows, triton.cdiv(cols, BLOCK))](x, out, rows, cols, BLOCK=BLOCK, num_warps=WARPS)
    return out
