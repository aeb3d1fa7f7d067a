import torch
import triton
import triton.language as tl

BM = 64
BN = 128
SPLIT = 16
WARPS = 4


@triton.jit
def partial_kernel(x_ptr, part_ptr, n_rows, n_cols, BM: tl.constexpr, BN: tl.constexpr):
    cols = tl.program_id(0) * BN + tl.arange(0, BN)
    total = tl.zeros((BM, BN), tl.float32)
    for start in range(tl.program_id(1) * BM, n_rows, tl.num_programs(1) * BM):
        rows = start + tl.arange(0, BM)
        mask = (rows < n_rows)[:, None] & (cols < n_cols)[None, :]
        total += tl.load(x_ptr + rows[:, None] * n_cols + cols[None, :], mask=mask, other=0.0)
    tl.store(part_ptr + tl.program_id(1) * n_cols + cols, tl.sum(total, axis=0), mask=cols < n_cols)


@triton.jit
def final_kernel(part_ptr, out_ptr, n_cols, SPLIT: tl.constexpr, BN: tl.constexpr):
    cols = tl.program_id(0) * BN + tl.arange(0, BN)
    parts = tl.arange(0, SPLIT)
    at = parts[:, None] * n_cols + cols[None, :]
    each = tl.load(part_ptr + at, mask=(cols < n_cols)[None, :], other=0.0)
    tl.store(out_ptr + cols, tl.sum(each, axis=0), mask=cols < n_cols)


def column_sum(x):
    rows, cols = x.shape
    part = torch.empty((SPLIT, cols), dtype=torch.float32, device=x.device)
    out = torch.empty((cols,), dtype=x.dtype, device=x.device)
    partial_kernel[(triton.cdiv(cols, BN), SPLIT)](x, part, rows, cols, BM=BM, BN=BN, num_warps=WARPS)
    final_kernel[(triton.cdiv(cols, 64),)](part, out, cols, SPLIT=SPLIT, BN=64, num_warps=4)
    return out
