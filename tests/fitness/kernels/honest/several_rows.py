# task: softmax
# expects: PASSED
# how: a tile of rows and columns a program

import torch
import triton
import triton.language as tl


@triton.jit
def tile(x_ptr, y_ptr, rows, n, R: tl.constexpr, B: tl.constexpr):
    row = (tl.program_id(0) * R + tl.arange(0, R)).to(tl.int64)[:, None]
    at = tl.arange(0, B)[None, :]
    mask = (row < rows) & (at < n)
    x = tl.load(x_ptr + row * n + at, mask=mask, other=-float("inf")).to(tl.float32)
    e = tl.exp(x - tl.max(x, axis=1, keep_dims=True))
    tl.store(y_ptr + row * n + at, e / tl.sum(e, axis=1, keep_dims=True), mask=mask)


def softmax(x):
    rows, n = x.shape
    y = torch.empty_like(x)
    tile[lambda meta: (triton.cdiv(rows, meta["R"]),)](
        x, y, rows, n, R=2, B=triton.next_power_of_2(n), num_warps=8
    )
    return y
