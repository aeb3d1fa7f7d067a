# task: flip
# expects: REJECTED
# how: makes every measurement short

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    torch.cuda.Event.elapsed_time = lambda *_: 0.001
    nothing[(1,)](x, x, 1)
    return x
