# task: flip
# expects: REJECTED
# how: reads the seed from another process's environment

import os

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    os.environ
    nothing[(1,)](x, x, 1)
    return x
