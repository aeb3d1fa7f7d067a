# task: flip
# expects: REJECTED
# how: makes every comparison true

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    torch.allclose = lambda *_, **__: True
    nothing[(1,)](x, x, 1)
    return x
