"""Attention of one query token, the plain way: one program a head of a sequence, one loop over its keys."""

import torch
import triton
import triton.language as tl


@triton.jit
def decode_attention_kernel(
    q_ptr, k_ptr, v_ptr, lengths_ptr, out_ptr, heads, kv_heads, longest, scale,
    DIM: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    # 64-bit, so that offsets hold for caches of more than 2**31 elements.
    head = tl.program_id(0)
    sequence = tl.program_id(1).to(tl.int64)
    length = tl.load(lengths_ptr + sequence)
    dims = tl.arange(0, DIM)
    q_at = (sequence * heads + head) * DIM + dims
    q = tl.load(q_ptr + q_at).to(tl.float32) * scale
    # Neighbouring heads of the query share one head of the cache.
    kv_head = (sequence * kv_heads + head // (heads // kv_heads)) * longest * DIM

    # Largest score so far, sum of the exponentials relative to it, and the values weighted by them.
    largest = -float("inf")
    total = 0.0
    out = tl.zeros((DIM,), dtype=tl.float32)
    for start in range(0, length, BLOCK):
        rows = start + tl.arange(0, BLOCK)
        at = rows[:, None] * DIM + dims[None, :]
        k = tl.load(k_ptr + kv_head + at, mask=rows[:, None] < length, other=0.0).to(tl.float32)
        v = tl.load(v_ptr + kv_head + at, mask=rows[:, None] < length, other=0.0).to(tl.float32)
        scores = tl.where(rows < length, tl.sum(q[None, :] * k, axis=1), -float("inf"))
        grown = tl.maximum(largest, tl.max(scores, axis=0))
        weights = tl.exp(scores - grown)
        shrink = tl.exp(largest - grown)
        total = total * shrink + tl.sum(weights, axis=0)
        out = out * shrink + tl.sum(weights[:, None] * v, axis=0)
        largest = grown

    tl.store(out_ptr + q_at, (out / total).to(out_ptr.dtype.element_ty))


def decode_attention(q, k, v, lengths):
    """Return the attention of q (batch, heads, dim) over the first lengths[i] of the keys and values.

    k and v are (batch, kv_heads, longest, dim) and share q's dtype; lengths (batch,) of int32 are 1 to
    longest; heads is a multiple of kv_heads, dim a power of two. All are contiguous.
    """
    if not (q.is_contiguous() and k.is_contiguous() and v.is_contiguous() and lengths.is_contiguous()):
        raise ValueError(
            "decode_attention needs contiguous tensors, "
            f"got strides {q.stride()}, {k.stride()}, {v.stride()} and {lengths.stride()}"
        )
    batch, heads, dim = q.shape
    kv_heads, longest = k.shape[1], k.shape[2]
    out = torch.empty_like(q)
    if out.numel() == 0:
        return out
    decode_attention_kernel[(heads, batch)](
        q, k, v, lengths, out, heads, kv_heads, longest, dim**-0.5, DIM=dim, BLOCK=64, num_warps=4
    )  # fmt: skip
    return out
