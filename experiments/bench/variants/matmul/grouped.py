import torch
import triton
import triton.language as tl

BM = 128
BN = 128
BK = 64
GROUP = 8
WARPS = 8
STAGES = 3


@triton.jit
def matmul_kernel(
    a_ptr, b_ptr, c_ptr, m, n, k,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    # GROUP rows of tiles at a time, so that neighbouring programs share both operands. No masks on loads.
    down, across = tl.cdiv(m, BM), tl.cdiv(n, BN)
    first = tl.program_id(0) // (GROUP * across) * GROUP
    height = tl.minimum(down - first, GROUP)
    tile_m = first + tl.program_id(0) % (GROUP * across) % height
    tile_n = tl.program_id(0) % (GROUP * across) // height
    rows = tile_m * BM + tl.arange(0, BM)
    cols = tile_n * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    a_at = a_ptr + (rows % m)[:, None] * k + inner[None, :]
    b_at = b_ptr + inner[:, None] * n + (cols % n)[None, :]
    total = tl.zeros((BM, BN), tl.float32)
    for start in range(0, k, BK):
        a = tl.load(a_at, mask=(inner < k - start)[None, :], other=0.0)
        b = tl.load(b_at, mask=(inner < k - start)[:, None], other=0.0)
        total = tl.dot(a, b, total)
        a_at += BK
        b_at += BK * n
    mask = (rows < m)[:, None] & (cols < n)[None, :]
    tl.store(c_ptr + rows[:, None] * n + cols[None, :], total.to(c_ptr.dtype.element_ty), mask=mask)


def matmul(a, b):
    (m, k), n = a.shape, b.shape[1]
    c = torch.empty((m, n), dtype=a.dtype, device=a.device)
    grid = (triton.cdiv(m, BM) * triton.cdiv(n, BN),)
    matmul_kernel[grid](
        a, b, c, m, n, k, BM=BM, BN=BN, BK=BK, GROUP=GROUP, num_warps=WARPS, num_stages=STAGES
    )
    return c
