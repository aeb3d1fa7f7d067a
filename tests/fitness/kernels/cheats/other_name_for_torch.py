# task: softmax
# expects: REJECTED
# how: another name for torch slips past a source filter

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


T = torch


def softmax(x):
    nothing[(1,)](x, x, 1)
    return T.softmax(x, -1)
