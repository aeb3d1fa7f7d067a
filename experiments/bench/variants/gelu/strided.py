import torch
import triton
import triton.language as tl

LANES = 256
EACH = 16
WARPS = 4


@triton.jit
def gelu_kernel(x_ptr, out_ptr, n, LANES: tl.constexpr, EACH: tl.constexpr):
    # Each lane walks its own stretch of EACH neighbouring elements.
    base = (tl.program_id(0) * LANES + tl.arange(0, LANES)) * EACH
    for step in range(EACH):
        at = base + step
        x = tl.load(x_ptr + at, mask=at < n).to(tl.float32)
        y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
        tl.store(out_ptr + at, y.to(out_ptr.dtype.element_ty), mask=at < n)


def gelu(x):
    out = torch.empty_like(x)
    grid = (triton.cdiv(x.numel(), LANES * EACH),)
    gelu_kernel[grid](x, out, x.numel(), LANES=LANES, EACH=EACH, num_warps=WARPS)
    return out
