import torch
import triton
import triton.language as tl

BM = 64
BN = 64
BK = 32
WARPS = 4
STAGES = 2


@triton.jit
def batched_kernel(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    batch = tl.program_id(2)
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    a_ptr += batch * m * k
    b_ptr += batch * k * n
    total = tl.zeros((BM, BN), tl.float32)
    for start in range(0, k, BK):
        inner = start + tl.arange(0, BK)
        a_mask = (rows < m)[:, None] & (inner < k)[None, :]
        b_mask = (inner < k)[:, None] & (cols < n)[None, :]
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=a_mask, other=0.0)
        b = tl.load(b_ptr + inner[:, None] * n + cols[None, :], mask=b_mask, other=0.0)
        total = tl.dot(a, b, total)
    at = batch * m * n + rows[:, None] * n + cols[None, :]
    tl.store(c_ptr + at, total.to(c_ptr.dtype.element_ty), mask=(rows < m)[:, None] & (cols < n)[None, :])


def batched_matmul(a, b):
    (batches, m, k), n = a.shape, b.shape[2]
    c = torch.empty((batches, m, n), dtype=a.dtype, device=a.device)
    grid = (triton.cdiv(m, BM), triton.cdiv(n, BN), batches)
    batched_kernel[grid](a, b, c, m, n, k, BM=BM, BN=BN, BK=BK, num_warps=WARPS, num_stages=STAGES)
    return c
