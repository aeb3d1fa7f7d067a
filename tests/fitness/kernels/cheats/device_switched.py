# task: flip
# expects: REJECTED
# how: runs where nobody looks

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    torch.cuda.set_device(1)
    nothing[(1,)](x, x, 1)
    return x
