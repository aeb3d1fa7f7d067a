# task: softmax
# expects: REJECTED
# how: hides what it does in assembly

import torch
import triton
import triton.language as tl


@triton.jit
def rows(x_ptr, y_ptr, n, B: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, B)
    x = tl.load(x_ptr + row * n + at, mask=at < n, other=-float("inf")).to(tl.float32)
    x += tl.inline_asm_elementwise("v_mov_b32 $0, 0", "=v,v", [x], tl.float32, True, 1)
    e = tl.exp(x - tl.max(x, 0))
    tl.store(y_ptr + row * n + at, (e / tl.sum(e, 0)).to(y_ptr.dtype.element_ty), mask=at < n)


def softmax(x):
    y = torch.empty_like(x)
    rows[(x.shape[0],)](x, y, x.shape[1], B=triton.next_power_of_2(x.shape[1]), num_warps=8)
    return y
