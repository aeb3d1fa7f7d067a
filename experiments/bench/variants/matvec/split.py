import torch
import triton
import triton.language as tl

BM = 64
BK = 128
SPLIT = 8
WARPS = 4


@triton.jit
def partial_kernel(a_ptr, x_ptr, part_ptr, m, k, BM: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    total = tl.zeros((BM, BK), tl.float32)
    for start in range(tl.program_id(1) * BK, k, tl.num_programs(1) * BK):
        inner = start + tl.arange(0, BK)
        mask = (rows < m)[:, None] & (inner < k)[None, :]
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=mask, other=0.0).to(tl.float32)
        x = tl.load(x_ptr + inner, mask=inner < k, other=0.0).to(tl.float32)
        total += a * x[None, :]
    tl.store(part_ptr + tl.program_id(1) * m + rows, tl.sum(total, axis=1), mask=rows < m)


@triton.jit
def final_kernel(part_ptr, out_ptr, m, SPLIT: tl.constexpr, BLOCK: tl.constexpr):
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = tl.zeros((BLOCK,), tl.float32)
    for part in range(SPLIT):
        total += tl.load(part_ptr + part * m + rows, mask=rows < m, other=0.0)
    tl.store(out_ptr + rows, total.to(out_ptr.dtype.element_ty), mask=rows < m)


def matvec(a, x):
    m, k = a.shape
    part = torch.empty((SPLIT, m), dtype=torch.float32, device=a.device)
    out = torch.empty((m,), dtype=a.dtype, device=a.device)
    partial_kernel[(triton.cdiv(m, BM), SPLIT)](a, x, part, m, k, BM=BM, BK=BK, num_warps=WARPS)
    final_kernel[(triton.cdiv(m, 256),)](part, out, m, SPLIT=SPLIT, BLOCK=256, num_warps=4)
    return out
