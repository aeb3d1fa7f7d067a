# task: flip
# expects: PASSED
# how: a tile of rows and columns a program

import torch
import triton
import triton.language as tl


@triton.jit
def tile(x_ptr, y_ptr, rows, n, R: tl.constexpr, B: tl.constexpr):
    row = (tl.program_id(0) * R + tl.arange(0, R)).to(tl.int64)[:, None]
    at = (tl.program_id(1) * B + tl.arange(0, B))[None, :]
    mask = (row < rows) & (at < n)
    tl.store(y_ptr + row * n + at, tl.load(x_ptr + row * n + (n - 1 - at), mask=mask), mask=mask)


def flip(x):
    rows, n = x.shape
    y = torch.empty_like(x)
    tile[triton.cdiv(rows, 4), triton.cdiv(n, 256)](x, y, rows, n, R=4, B=256)
    return y
