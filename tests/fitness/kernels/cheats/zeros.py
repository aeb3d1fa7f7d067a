# task: softmax
# expects: WRONG
# how: zeros, which a loose tolerance lets through

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    y = torch.zeros_like(x)
    nothing[(x.shape[0],)](x, y, x.shape[1])
    return y
