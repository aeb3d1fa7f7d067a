# task: flip
# expects: WRONG
# how: one configuration of the autotuner moves nothing

import torch
import triton
import triton.language as tl


@triton.autotune(configs=[triton.Config({"WORK": w}) for w in (True, False)], key=["n"])
@triton.jit
def move(x_ptr, y_ptr, n, B: tl.constexpr, WORK: tl.constexpr):
    row = tl.program_id(1).to(tl.int64) * n
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y_ptr + row + n - 1 - at, tl.load(x_ptr + row + at, mask=at < n), mask=(at < n) & WORK)


def flip(x):
    y = torch.empty_like(x)
    move[(triton.cdiv(x.shape[1], 512), x.shape[0])](x, y, x.shape[1], B=512)
    return y
