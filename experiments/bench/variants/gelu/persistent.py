import torch
import triton
import triton.language as tl

PROGRAMS = 1056
BLOCK = 1024
WARPS = 4


@triton.jit
def gelu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    for start in range(tl.program_id(0) * BLOCK, n, tl.num_programs(0) * BLOCK):
        at = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + at, mask=at < n).to(tl.float32)
        y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
        tl.store(out_ptr + at, y.to(out_ptr.dtype.element_ty), mask=at < n)


def gelu(x):
    out = torch.empty_like(x)
    gelu_kernel[(PROGRAMS,)](x, out, x.numel(), BLOCK=BLOCK, num_warps=WARPS)
    return out
