import torch
import triton
import triton.language as tl

BM = 128
BN = 64
WARPS = 8
STAGES = 3


@triton.jit
def attention_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, n, scale, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr
):
    # The tiles with the most keys go first.
    base = tl.program_id(1) * n * D
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    rows = tile * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    q = tl.load(q_ptr + base + rows[:, None] * D + d[None, :], mask=(rows < n)[:, None], other=0.0)
    top = tl.full((BM,), -1e30, tl.float32)
    total = tl.zeros((BM,), tl.float32)
    out = tl.zeros((BM, D), tl.float32)
    for start in range(0, tl.minimum(n, (tile + 1) * BM), BN):
        cols = start + tl.arange(0, BN)
        k = tl.load(k_ptr + base + cols[None, :] * D + d[:, None], mask=(cols < n)[None, :], other=0.0)
        scores = tl.dot(q, k) * scale
        scores = tl.where((cols[None, :] <= rows[:, None]) & (cols < n)[None, :], scores, -1e30)
        new_top = tl.maximum(top, tl.max(scores, axis=1))
        p = tl.exp2(scores - new_top[:, None])
        keep = tl.exp2(top - new_top)
        total = total * keep + tl.sum(p, axis=1)
        v = tl.load(v_ptr + base + cols[:, None] * D + d[None, :], mask=(cols < n)[:, None], other=0.0)
        out = tl.dot(p.to(v.dtype), v, out * keep[:, None])
        top = new_top
    out = out / total[:, None]
    at = base + rows[:, None] * D + d[None, :]
    tl.store(out_ptr + at, out.to(out_ptr.dtype.element_ty), mask=(rows < n)[:, None])


def attention(q, k, v):
    out = torch.empty_like(q)
    batches, heads, n, d = q.shape
    scale = d**-0.5 * 1.4426950408889634
    grid = (triton.cdiv(n, BM), batches * heads)
    attention_kernel[grid](q, k, v, out, n, scale, D=d, BM=BM, BN=BN, num_warps=WARPS, num_stages=STAGES)
    return out
