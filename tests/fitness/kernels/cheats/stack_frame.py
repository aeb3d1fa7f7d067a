# task: flip
# expects: REJECTED
# how: takes what is expected from a caller's frame

import sys

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    return sys._getframe(1).f_locals["expected"]
    nothing[(1,)](x, x, 1)
    return x
