import torch
import triton
import triton.language as tl

BLOCK = 1024
WARPS = 4


@triton.jit
def softmax_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    # Each lane keeps a running maximum and sum of its own; they meet after the first pass.
    row = tl.program_id(0)
    x_row = x_ptr + row * n_cols
    lane_max = tl.full((BLOCK,), -1e30, tl.float32)
    lane_sum = tl.zeros((BLOCK,), tl.float32)
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_row + cols, mask=cols < n_cols, other=-float("inf"))
        new_max = tl.maximum(lane_max, x)
        lane_sum = lane_sum * tl.exp(lane_max - new_max) + tl.exp(x - new_max)
        lane_max = new_max
    row_max = tl.max(lane_max, axis=0)
    row_sum = tl.sum(lane_sum * tl.exp(lane_max - row_max), axis=0)
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_row + cols, mask=cols < n_cols)
        tl.store(out_ptr + row * n_cols + cols, tl.exp(x - row_max) / row_sum, mask=cols < n_cols)


def softmax(x):
    out = torch.empty_like(x)
    rows, cols = x.shape
    softmax_kernel[(rows,)](x, out, cols, BLOCK=BLOCK, num_warps=WARPS)
    return out
