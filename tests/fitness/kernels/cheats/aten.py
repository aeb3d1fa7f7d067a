# task: softmax
# expects: REJECTED
# how: the operator below torch's function

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    nothing[(1,)](x, x, 1)
    return torch.ops.aten._softmax(x, -1, False)
