import torch
import triton
import triton.language as tl

BM = 16
BK = 256
WARPS = 4


@triton.jit
def matvec_kernel(a_ptr, x_ptr, out_ptr, m, k, BM: tl.constexpr, BK: tl.constexpr):
    # Each step is reduced at once.
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    total = tl.zeros((BM,), tl.float32)
    for start in range(0, k, BK):
        inner = start + tl.arange(0, BK)
        mask = (rows < m)[:, None] & (inner < k)[None, :]
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=mask, other=0.0).to(tl.float32)
        x = tl.load(x_ptr + inner, mask=inner < k, other=0.0).to(tl.float32)
        total += tl.sum(a * x[None, :], axis=1)
    tl.store(out_ptr + rows, total.to(out_ptr.dtype.element_ty), mask=rows < m)


def matvec(a, x):
    m, k = a.shape
    out = torch.empty((m,), dtype=a.dtype, device=a.device)
    matvec_kernel[(triton.cdiv(m, BM),)](a, x, out, m, k, BM=BM, BK=BK, num_warps=WARPS)
    return out
