# task: flip
# expects: REJECTED
# how: torch's indexing gathers the elements

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    nothing[(1,)](x, x, 1)
    return x[:, list(range(x.shape[1] - 1, -1, -1))]
