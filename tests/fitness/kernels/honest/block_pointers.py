# task: softmax
# expects: PASSED
# how: block pointers with boundary checks

import torch
import triton
import triton.language as tl


@triton.jit
def rows(x_ptr, y_ptr, count, n, B: tl.constexpr):
    row = tl.program_id(0)
    x_block = tl.make_block_ptr(x_ptr, (count, n), (n, 1), (row, 0), (1, B), (1, 0))
    y_block = tl.make_block_ptr(y_ptr, (count, n), (n, 1), (row, 0), (1, B), (1, 0))
    x = tl.load(x_block, boundary_check=(0, 1)).to(tl.float32)
    x = tl.where(tl.arange(0, B)[None, :] < n, x, -float("inf"))
    e = tl.exp(x - tl.max(x, 1)[:, None])
    tl.store(y_block, (e / tl.sum(e, 1)[:, None]).to(y_ptr.dtype.element_ty), boundary_check=(0, 1))


def softmax(x):
    y = torch.empty_like(x)
    rows[(x.shape[0],)](x, y, x.shape[0], x.shape[1], B=triton.next_power_of_2(x.shape[1]), num_warps=8)
    return y
