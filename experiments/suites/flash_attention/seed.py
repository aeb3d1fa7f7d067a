"""Causal attention, the plain way: one program a block of queries, one loop over the keys before it."""

import torch
import triton
import triton.language as tl


@triton.jit
def flash_attention_kernel(
    q_ptr, k_ptr, v_ptr, out_ptr, length, scale,
    DIM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    # 64-bit, so that the offset of a head holds for tensors of more than 2**31 elements.
    head = tl.program_id(1).to(tl.int64) * length * DIM
    block = tl.program_id(0)
    rows = block * BLOCK_M + tl.arange(0, BLOCK_M)
    dims = tl.arange(0, DIM)
    q_at = rows[:, None] * DIM + dims[None, :]
    q = tl.load(q_ptr + head + q_at, mask=rows[:, None] < length, other=0.0)

    # Largest score so far, sum of the exponentials relative to it, and the values weighted by them.
    largest = tl.full((BLOCK_M,), -float("inf"), dtype=tl.float32)
    total = tl.zeros((BLOCK_M,), dtype=tl.float32)
    out = tl.zeros((BLOCK_M, DIM), dtype=tl.float32)
    end = tl.minimum((block + 1) * BLOCK_M, length)
    for start in range(0, end, BLOCK_N):
        cols = start + tl.arange(0, BLOCK_N)
        at = cols[:, None] * DIM + dims[None, :]
        k = tl.load(k_ptr + head + at, mask=cols[:, None] < length, other=0.0)
        v = tl.load(v_ptr + head + at, mask=cols[:, None] < length, other=0.0)
        scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
        scores = tl.where(cols[None, :] <= rows[:, None], scores, -float("inf"))
        grown = tl.maximum(largest, tl.max(scores, axis=1))
        weights = tl.exp(scores - grown[:, None])
        shrink = tl.exp(largest - grown)
        total = total * shrink + tl.sum(weights, axis=1)
        out = out * shrink[:, None] + tl.dot(weights.to(v.dtype), v, input_precision="ieee")
        largest = grown

    out = out / total[:, None]
    tl.store(out_ptr + head + q_at, out.to(out_ptr.dtype.element_ty), mask=rows[:, None] < length)


def flash_attention(q, k, v):
    """Return causal attention of q, k and v (batch, heads, length, dim), scaled by 1 / sqrt(dim).

    All are contiguous and of one shape and dtype; dim is a power of two.
    """
    if not (q.is_contiguous() and k.is_contiguous() and v.is_contiguous()):
        raise ValueError(
            "flash_attention needs contiguous tensors, "
            f"got strides {q.stride()}, {k.stride()} and {v.stride()}"
        )
    batch, heads, length, dim = q.shape
    out = torch.empty_like(q)
    if out.numel() == 0:
        return out
    BLOCK_M = 64
    grid = (triton.cdiv(length, BLOCK_M), batch * heads)
    flash_attention_kernel[grid](
        q, k, v, out, length, dim**-0.5, DIM=dim, BLOCK_M=BLOCK_M, BLOCK_N=32, num_warps=4
    )  # fmt: skip
    return out
