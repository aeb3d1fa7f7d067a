# task: softmax
# expects: REJECTED
# how: a name put together at run time

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    nothing[(1,)](x, x, 1)
    return getattr(torch, "soft" + "max")(x, -1)
