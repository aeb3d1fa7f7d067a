# task: flip
# expects: PASSED
# how: tells the compiler what it knows

import torch
import triton
import triton.language as tl


@triton.jit
def move(x_ptr, y_ptr, n, B: tl.constexpr):
    tl.assume(n > 0)
    row = tl.program_id(1).to(tl.int64) * n
    at = tl.max_contiguous(tl.multiple_of(tl.program_id(0) * B + tl.arange(0, B), B), B)
    x = tl.load(x_ptr + row + n - 1 - at, mask=at < n, eviction_policy="evict_first")
    tl.debug_barrier()
    tl.store(y_ptr + row + at, x, mask=at < n, cache_modifier=".cs")


def flip(x):
    y = torch.zeros_like(x)
    move[(triton.cdiv(x.shape[1], 512), x.shape[0])](x, y, x.shape[1], B=512)
    return y
