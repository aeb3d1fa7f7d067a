# task: flip
# expects: REJECTED
# how: multiplies by a permutation with the @ operator

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    nothing[(1,)](x, x, 1)
    return x @ x.new_ones((x.shape[1], x.shape[1]))
