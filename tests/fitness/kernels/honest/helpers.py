# task: softmax
# expects: PASSED
# how: jit functions that call jit functions, a reduction of their own

import torch
import triton
import triton.language as tl


@triton.jit
def larger(a, b):
    return tl.where(a > b, a, b)


@triton.jit
def exponentials(x):
    top = tl.reduce(x, 0, larger)
    return tl.exp(x - top)


@triton.jit
def rows(x_ptr, y_ptr, n, B: tl.constexpr):
    base = tl.program_id(0).to(tl.int64) * n
    at = tl.arange(0, B)
    e = exponentials(tl.load(x_ptr + base + at, mask=at < n, other=-float("inf")).to(tl.float32))
    tl.store(y_ptr + base + at, e / tl.sum(e, 0), mask=at < n)


def launch(x, y):
    rows[(x.shape[0],)](x, y, x.shape[1], B=triton.next_power_of_2(x.shape[1]))


def softmax(x):
    y = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    launch(x, y)
    return y
