# task: flip
# expects: WRONG
# how: replaces Triton's timer, and does nothing

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


triton.testing.do_bench = lambda *_, **__: 0.0001


def flip(x):
    y = torch.empty_like(x)
    nothing[(x.shape[0],)](x, y, x.shape[1])
    return y
