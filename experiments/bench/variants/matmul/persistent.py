import torch
import triton
import triton.language as tl

BM = 128
BN = 128
BK = 64
PROGRAMS = 132
WARPS = 8
STAGES = 3


@triton.jit
def matmul_kernel(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    down, across = tl.cdiv(m, BM), tl.cdiv(n, BN)
    for tile in range(tl.program_id(0), down * across, tl.num_programs(0)):
        rows = tile % down * BM + tl.arange(0, BM)
        cols = tile // down * BN + tl.arange(0, BN)
        total = tl.zeros((BM, BN), tl.float32)
        for start in range(0, k, BK):
            inner = start + tl.arange(0, BK)
            a_mask = (rows < m)[:, None] & (inner < k)[None, :]
            b_mask = (inner < k)[:, None] & (cols < n)[None, :]
            a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=a_mask, other=0.0)
            b = tl.load(b_ptr + inner[:, None] * n + cols[None, :], mask=b_mask, other=0.0)
            total = tl.dot(a, b, total)
        mask = (rows < m)[:, None] & (cols < n)[None, :]
        tl.store(c_ptr + rows[:, None] * n + cols[None, :], total.to(c_ptr.dtype.element_ty), mask=mask)


def matmul(a, b):
    (m, k), n = a.shape, b.shape[1]
    c = torch.empty((m, n), dtype=a.dtype, device=a.device)
    matmul_kernel[(PROGRAMS,)](a, b, c, m, n, k, BM=BM, BN=BN, BK=BK, num_warps=WARPS, num_stages=STAGES)
    return c
