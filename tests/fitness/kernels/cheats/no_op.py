# task: softmax
# expects: WRONG
# how: re-used memory might still hold the answer

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    y = torch.empty_like(x)
    nothing[(x.shape[0],)](x, y, x.shape[1])
    return y
