# task: flip
# expects: REJECTED
# how: finds the expected tensor among all objects

import gc

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    return [each for each in gc.get_objects() if torch.is_tensor(each)][0]
    nothing[(1,)](x, x, 1)
    return x
