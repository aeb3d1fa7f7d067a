# task: softmax
# expects: PASSED
# how: statistics in scratch buffers, then the quotients

import torch
import triton
import triton.language as tl


@triton.jit
def statistics(x_ptr, high_ptr, total_ptr, n, B: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, B)
    x = tl.load(x_ptr + row.to(tl.int64) * n + at, mask=at < n, other=-float("inf")).to(tl.float32)
    high = tl.max(x, 0)
    tl.store(high_ptr + row, high)
    tl.store(total_ptr + row, tl.sum(tl.exp(x - high), 0))


@triton.jit
def quotients(x_ptr, y_ptr, high_ptr, total_ptr, n, B: tl.constexpr):
    row = tl.program_id(1)
    at = tl.program_id(0) * B + tl.arange(0, B)
    x = tl.load(x_ptr + row.to(tl.int64) * n + at, mask=at < n).to(tl.float32)
    y = tl.exp(x - tl.load(high_ptr + row)) / tl.load(total_ptr + row)
    tl.store(y_ptr + row.to(tl.int64) * n + at, y, mask=at < n)


def softmax(x):
    rows, n = x.shape
    scratch = torch.empty((2, rows), dtype=torch.float32, device=x.device)
    y = torch.empty_like(x)
    statistics[(rows,)](x, scratch[0], scratch[1], n, B=triton.next_power_of_2(n), num_warps=8)
    quotients[(triton.cdiv(n, 1024), rows)](x, y, scratch[0], scratch[1], n, B=1024)
    return y
