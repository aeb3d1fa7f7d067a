import torch
import triton
import triton.language as tl


@triton.jit
def squared_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr = 64, n_tiles = 0, GROUP: tl.constexpr = 0):
    first = tl.program_id(0) * GROUP
    for tile in range(first, tl.minimum(first + GROUP, n_tiles)):
        start = tile.to(tl.int64) * BLOCK
        offsets = start + tl.arange(0, BLOCK)
        x = tl.load(x_ptr + offsets, mask=offsets < n)
        tl.store(out_ptr + offsets, x * x, mask=offsets < n)


def squared(x):
    out = torch.empty_like(x)
    n = x.numel()
    n_tiles = triton.cdiv(n, 64)
    squared_kernel[(triton.cdiv(n_tiles, 8),)](x, out, n, BLOCK=64, n_tiles=n_tiles, GROUP=8)
    return out
