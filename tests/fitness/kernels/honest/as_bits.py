# task: flip
# expects: PASSED
# how: moves raw words, whatever the dtype

import torch
import triton
import triton.language as tl


@triton.jit
def move(x_ptr, y_ptr, n, B: tl.constexpr):
    row = tl.program_id(1).to(tl.int64) * n
    at = tl.program_id(0) * B + tl.arange(0, B)
    tl.store(y_ptr + row + n - 1 - at, tl.load(x_ptr + row + at, mask=at < n), mask=at < n)


def flip(x):
    y = torch.empty_like(x)
    word = {2: torch.int16, 4: torch.int32}[x.element_size()]
    move[(triton.cdiv(x.shape[1], 512), x.shape[0])](x.view(word), y.view(word), x.shape[1], B=512)
    return y
