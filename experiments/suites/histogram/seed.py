"""How often each number occurs, the plain way: one program a block of numbers, an atomic addition each."""

import torch
import triton
import triton.language as tl

# Numbers that a program counts.
BLOCK = 1024


@triton.jit
def histogram_kernel(x_ptr, counts_ptr, n, BLOCK: tl.constexpr):
    # 64-bit, so that offsets hold for tensors of more than 2**31 elements.
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    x = tl.load(x_ptr + at, mask=mask, other=0)
    tl.atomic_add(counts_ptr + x, 1, mask=mask)


def histogram(x, bins):
    """Return how often each of 0 to bins - 1 occurs, int32, (bins,); x is int32 and contiguous."""
    if not x.is_contiguous():
        raise ValueError(f"histogram needs a contiguous tensor, got strides {x.stride()}")
    counts = torch.zeros((bins,), dtype=torch.int32, device=x.device)
    n = x.numel()
    if n == 0:
        return counts
    histogram_kernel[(triton.cdiv(n, BLOCK),)](x, counts, n, BLOCK=BLOCK, num_warps=4)
    return counts
