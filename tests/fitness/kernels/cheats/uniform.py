# task: softmax
# expects: WRONG
# how: one over the row's length, which is the mean of every answer

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    y = torch.full_like(x, 1.0 / x.shape[1])
    nothing[(x.shape[0],)](x, y, x.shape[1])
    return y
