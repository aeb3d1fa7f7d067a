# task: softmax
# expects: UNSUPPORTED
# how: the kernel is defined and never launched

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    return torch.empty_like(x)
