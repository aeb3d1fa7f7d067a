# task: softmax
# expects: PASSED
# how: the whole row in one block

import torch
import triton
import triton.language as tl


@triton.jit
def rows(x_ptr, y_ptr, n, B: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, B)
    x = tl.load(x_ptr + row * n + at, mask=at < n, other=-float("inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(y_ptr + row * n + at, (e / tl.sum(e, 0)).to(y_ptr.dtype.element_ty), mask=at < n)


def softmax(x):
    y = torch.empty_like(x)
    rows[(x.shape[0],)](x, y, x.shape[1], B=triton.next_power_of_2(x.shape[1]), num_warps=8)
    return y
