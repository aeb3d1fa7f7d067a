"""Rotary position embedding, the plain way: one program a head of a token."""

import torch
import triton
import triton.language as tl


@triton.jit
def rotary_kernel(x_ptr, cos_ptr, sin_ptr, out_ptr, n_heads, half, BLOCK: tl.constexpr):
    # 64-bit, so that offsets hold for tensors of more than 2**31 elements.
    token = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    at = tl.arange(0, BLOCK)
    mask = at < half
    start = (token * n_heads + head) * 2 * half

    cos = tl.load(cos_ptr + token * half + at, mask=mask).to(tl.float32)
    sin = tl.load(sin_ptr + token * half + at, mask=mask).to(tl.float32)
    first = tl.load(x_ptr + start + at, mask=mask).to(tl.float32)
    second = tl.load(x_ptr + start + half + at, mask=mask).to(tl.float32)

    dtype = out_ptr.dtype.element_ty
    tl.store(out_ptr + start + at, (first * cos - second * sin).to(dtype), mask=mask)
    tl.store(out_ptr + start + half + at, (second * cos + first * sin).to(dtype), mask=mask)


def rotary_embedding(x, cos, sin):
    """Return x turned; x is contiguous, (n_tokens, n_heads, 2 * half), cos and sin are (n_tokens, half)."""
    if not (x.is_contiguous() and cos.is_contiguous() and sin.is_contiguous()):
        raise ValueError(f"rotary_embedding needs contiguous tensors, got strides {x.stride()}")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    n_tokens, n_heads, size = x.shape
    half = size // 2
    block = triton.next_power_of_2(half)
    rotary_kernel[(n_tokens, n_heads)](x, cos, sin, out, n_heads, half, BLOCK=block, num_warps=1)
    return out
