# task: flip
# expects: REJECTED
# how: leaves a stream running

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    with torch.cuda.stream(torch.cuda.Stream()):
        nothing[(1,)](x, x, 1)
    nothing[(1,)](x, x, 1)
    return x
