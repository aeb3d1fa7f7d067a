# task: flip
# expects: REJECTED
# how: reads the answer from a file

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    open("expected.pt")
    nothing[(1,)](x, x, 1)
    return x
