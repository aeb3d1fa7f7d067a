"""SwiGLU, the plain way: one program a block of elements."""

import torch
import triton
import triton.language as tl

# Elements that a program computes.
BLOCK = 256


@triton.jit
def swiglu_kernel(gate_ptr, up_ptr, out_ptr, n, BLOCK: tl.constexpr):
    # 64-bit, so that offsets hold for tensors of more than 2**31 elements.
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    gate = tl.load(gate_ptr + at, mask=mask).to(tl.float32)
    up = tl.load(up_ptr + at, mask=mask).to(tl.float32)
    y = gate / (1.0 + tl.exp(-gate)) * up
    tl.store(out_ptr + at, y.to(out_ptr.dtype.element_ty), mask=mask)


def swiglu(gate, up):
    """Return silu(gate) * up; both are contiguous and of one shape and dtype."""
    if not (gate.is_contiguous() and up.is_contiguous()):
        raise ValueError(f"swiglu needs contiguous tensors, got strides {gate.stride()} and {up.stride()}")
    out = torch.empty_like(gate)
    n = gate.numel()
    if n == 0:
        return out
    swiglu_kernel[(triton.cdiv(n, BLOCK),)](gate, up, out, n, BLOCK=BLOCK, num_warps=4)
    return out
