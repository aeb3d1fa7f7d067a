# task: flip
# expects: REJECTED
# how: a copy that hides in contiguous()

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    nothing[(1,)](x, x, 1)
    return x.t().contiguous().t()
