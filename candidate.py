import torch
import triton
import triton.language as tl


@triton.jit
def squared_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr = 64):
    start = tl.program_id(0).to(tl.int64) * BLOCK
    offsets = start + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + offsets, mask=offsets < n)
    tl.store(out_ptr + offsets, x * x, mask=offsets < n)


def squared(x):
    out = torch.empty_like(x)
    n = x.numel()
    squared_kernel[lambda meta: (triton.cdiv(n, meta["BLOCK"]),)](x, out, n, BLOCK=64)
    return out
