# task: softmax
# expects: CRASHED
# how: says it went well and leaves

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    print("PASSED")
    raise SystemExit(0)
