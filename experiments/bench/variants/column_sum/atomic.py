import torch
import triton
import triton.language as tl

BM = 64
BN = 128
SPLIT = 16
WARPS = 4


@triton.jit
def column_sum_kernel(x_ptr, out_ptr, n_rows, n_cols, BM: tl.constexpr, BN: tl.constexpr):
    cols = tl.program_id(0) * BN + tl.arange(0, BN)
    total = tl.zeros((BM, BN), tl.float32)
    for start in range(tl.program_id(1) * BM, n_rows, tl.num_programs(1) * BM):
        rows = start + tl.arange(0, BM)
        mask = (rows < n_rows)[:, None] & (cols < n_cols)[None, :]
        total += tl.load(x_ptr + rows[:, None] * n_cols + cols[None, :], mask=mask, other=0.0)
    tl.atomic_add(out_ptr + cols, tl.sum(total, axis=0), mask=cols < n_cols)


def column_sum(x):
    rows, cols = x.shape
    out = torch.zeros((cols,), dtype=x.dtype, device=x.device)
    column_sum_kernel[(triton.cdiv(cols, BN), SPLIT)](x, out, rows, cols, BM=BM, BN=BN, num_warps=WARPS)
    return out
