"""GELU, the plain way: one program a block of elements."""

import torch
import triton
import triton.language as tl

# Elements that a program computes.
BLOCK = 256


@triton.jit
def gelu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    # 64-bit, so that offsets hold for tensors of more than 2**31 elements.
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    x = tl.load(x_ptr + at, mask=mask).to(tl.float32)
    # 1 / sqrt(2)
    y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    tl.store(out_ptr + at, y.to(out_ptr.dtype.element_ty), mask=mask)


def gelu(x):
    """Return gelu(x) of each element, with the error function itself; x is contiguous."""
    if not x.is_contiguous():
        raise ValueError(f"gelu needs a contiguous tensor, got strides {x.stride()}")
    out = torch.empty_like(x)
    n = x.numel()
    if n == 0:
        return out
    gelu_kernel[(triton.cdiv(n, BLOCK),)](x, out, n, BLOCK=BLOCK, num_warps=4)
    return out
