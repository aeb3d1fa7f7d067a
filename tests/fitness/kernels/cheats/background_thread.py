# task: flip
# expects: REJECTED
# how: goes on after it has returned

import threading

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def flip(x):
    threading.Thread(target=flip, args=(x,)).start()
    nothing[(1,)](x, x, 1)
    return x
