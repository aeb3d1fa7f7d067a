# task: flip
# expects: REJECTED
# how: replays a graph with stale pointers

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    torch.cuda.CUDAGraph().replay()
    nothing[(1,)](x, x, 1)
    return x
