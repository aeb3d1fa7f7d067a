import torch
import triton
import triton.language as tl

BM = 64
BN = 64
WARPS = 4


@triton.jit
def batched_kernel(a_ptr, b_ptr, c_ptr, m, n, k, BM: tl.constexpr, BN: tl.constexpr, K: tl.constexpr):
    # A strip of rows of a stays with the program while it goes along b.
    batch = tl.program_id(1)
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    inner = tl.arange(0, K)
    a_mask = (rows < m)[:, None] & (inner < k)[None, :]
    a = tl.load(a_ptr + batch * m * k + rows[:, None] * k + inner[None, :], mask=a_mask, other=0.0)
    for start in range(0, n, BN):
        cols = start + tl.arange(0, BN)
        b_mask = (inner < k)[:, None] & (cols < n)[None, :]
        b = tl.load(b_ptr + batch * k * n + inner[:, None] * n + cols[None, :], mask=b_mask, other=0.0)
        total = tl.dot(a, b)
        at = batch * m * n + rows[:, None] * n + cols[None, :]
        mask = (rows < m)[:, None] & (cols < n)[None, :]
        tl.store(c_ptr + at, total.to(c_ptr.dtype.element_ty), mask=mask)


def batched_matmul(a, b):
    (batches, m, k), n = a.shape, b.shape[2]
    c = torch.empty((batches, m, n), dtype=a.dtype, device=a.device)
    inner = max(16, triton.next_power_of_2(k))
    batched_kernel[(triton.cdiv(m, BM), batches)](a, b, c, m, n, k, BM=BM, BN=BN, K=inner, num_warps=WARPS)
    return c
