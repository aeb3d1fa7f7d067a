import torch
import triton
import triton.language as tl

BLOCK = 1024
WARPS = 4


@triton.jit
def cumsum_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    carry = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        at = row * n_cols + cols
        x = tl.load(x_ptr + at, mask=cols < n_cols, other=0.0)
        tl.store(out_ptr + at, tl.cumsum(x, axis=0) + carry, mask=cols < n_cols)
        carry += tl.sum(x, axis=0)


def cumsum(x):
    out = torch.empty_like(x)
    rows, cols = x.shape
    cumsum_kernel[(rows,)](x, out, cols, BLOCK=BLOCK, num_warps=WARPS)
    return out
