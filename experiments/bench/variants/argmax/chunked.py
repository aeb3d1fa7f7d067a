import torch
import triton
import triton.language as tl

BLOCK = 1024
WARPS = 4


@triton.jit
def argmax_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    best = -float("inf")
    place = 0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + row * n_cols + cols, mask=cols < n_cols, other=-float("inf"))
        top = tl.max(x, axis=0)
        at = tl.argmax(x, axis=0) + start
        place = tl.where(top > best, at, place)
        best = tl.maximum(best, top)
    tl.store(out_ptr + row, place.to(tl.int64))


def argmax(x):
    rows, cols = x.shape
    out = torch.empty((rows,), dtype=torch.int64, device=x.device)
    argmax_kernel[(rows,)](x, out, cols, BLOCK=BLOCK, num_warps=WARPS)
    return out
