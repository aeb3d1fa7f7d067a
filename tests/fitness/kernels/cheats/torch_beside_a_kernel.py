# task: softmax
# expects: REJECTED
# how: torch does the work beside a kernel that does nothing

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    nothing[(1,)](x, x, 1)
    return x.softmax(-1)
