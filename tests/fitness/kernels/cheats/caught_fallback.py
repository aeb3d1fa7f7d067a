# task: softmax
# expects: REJECTED
# how: falls back to torch when its own kernel fails

import torch
import triton
import triton.language as tl


@triton.jit
def nothing(x_ptr, y_ptr, n):
    pass


def softmax(x):
    try:
        nothing[(1,)](x, x, 1, wrong=2)
    except Exception:
        try:
            return x.softmax(-1)
        except Exception:
            return torch.empty_like(x)
