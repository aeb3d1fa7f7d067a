# task: softmax
# expects: PASSED
# how: block size and warps from an autotuner

import torch
import triton
import triton.language as tl


def configs():
    return [triton.Config({"B": block}, num_warps=warps) for block, warps in ((256, 4), (1024, 8))]


@triton.autotune(configs=configs(), key=["n"], reset_to_zero=["y_ptr"])
@triton.jit
def tuned(x_ptr, y_ptr, n, B: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * n
    high = tl.full((B,), -float("inf"), tl.float32)
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        high = tl.maximum(high, tl.load(x_ptr + row + at, mask=at < n, other=-float("inf")).to(tl.float32))
    top = tl.max(high, 0)
    total = tl.zeros((B,), tl.float32)
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        total += tl.exp(tl.load(x_ptr + row + at, mask=at < n, other=-float("inf")).to(tl.float32) - top)
    whole = tl.sum(total, 0)
    for start in range(0, n, B):
        at = start + tl.arange(0, B)
        x = tl.load(x_ptr + row + at, mask=at < n).to(tl.float32)
        tl.store(y_ptr + row + at, tl.exp(x - top) / whole, mask=at < n)


def softmax(x):
    y = torch.empty_like(x)
    tuned[(x.shape[0],)](x, y, x.shape[1])
    return y
