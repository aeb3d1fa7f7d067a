# task: softmax
# expects: PASSED
# how: running maximum and sum in one pass, then the quotients

import torch
import triton
import triton.language as tl


@triton.jit
def online(x_ptr, y_ptr, n, B: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * n
    high = -float("inf")
    total = 0.0
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        x = tl.load(x_ptr + row + at, mask=at < n, other=-float("inf")).to(tl.float32)
        new = tl.maximum(high, tl.max(x, 0))
        # A block of -inf alone leaves the maximum at -inf: its difference to itself is not 0 but NaN.
        safe = tl.where(new == -float("inf"), 0.0, new)
        total = total * tl.exp(high - safe) + tl.sum(tl.exp(x - safe), 0)
        high = new
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        x = tl.load(x_ptr + row + at, mask=at < n).to(tl.float32)
        tl.store(y_ptr + row + at, (tl.exp(x - high) / total).to(y_ptr.dtype.element_ty), mask=at < n)


def softmax(x):
    y = torch.empty_like(x)
    online[(x.numel() // x.shape[-1],)](x, y, x.shape[-1], B=512)
    return y
