"""Products of groups of rows, the plain way: one launch, each program finds the tile that is its own."""

import torch
import triton
import triton.language as tl


@triton.jit
def grouped_gemm_kernel(
    a_ptr, b_ptr, offsets_ptr, out_ptr, n, k, groups,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    # Which group this tile of rows falls into. No tile spans two groups.
    tile = tl.program_id(0)
    group = 0
    first_row = 0
    last_row = 0
    tiles_before = 0
    group_start = 0
    for each in range(groups):
        group_end = tl.load(offsets_ptr + each)
        tiles = tl.cdiv(group_end - group_start, BLOCK_M)
        mine = (tile >= tiles_before) & (tile < tiles_before + tiles)
        group = tl.where(mine, each, group)
        first_row = tl.where(mine, group_start + (tile - tiles_before) * BLOCK_M, first_row)
        last_row = tl.where(mine, group_end, last_row)
        tiles_before += tiles
        group_start = group_end
    # The grid has a tile for each group to spare, since the host does not know the groups' lengths.
    if tile >= tiles_before:
        return

    # 64-bit, so that offsets hold for tensors of more than 2**31 elements.
    rows = first_row.to(tl.int64) + tl.arange(0, BLOCK_M)
    cols = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    b_group = b_ptr + group.to(tl.int64) * k * n

    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, k, BLOCK_K):
        inner = start + tl.arange(0, BLOCK_K)
        a_mask = (rows[:, None] < last_row) & (inner[None, :] < k)
        b_mask = (inner[:, None] < k) & (cols[None, :] < n)
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=a_mask, other=0.0)
        b = tl.load(b_group + inner[:, None].to(tl.int64) * n + cols[None, :], mask=b_mask, other=0.0)
        total += tl.dot(a, b, input_precision="ieee")

    out_mask = (rows[:, None] < last_row) & (cols[None, :] < n)
    tl.store(out_ptr + rows[:, None] * n + cols[None, :], total.to(out_ptr.dtype.element_ty), mask=out_mask)


def grouped_gemm(a, b, offsets):
    """Return rows offsets[g - 1] to offsets[g] of a (rows, k) times b[g] (k, n), for every group g.

    offsets (groups,) is of int32; it does not fall, and ends with the number of rows. All are contiguous.
    """
    if not (a.is_contiguous() and b.is_contiguous() and offsets.is_contiguous()):
        raise ValueError(
            "grouped_gemm needs contiguous tensors, "
            f"got strides {a.stride()}, {b.stride()} and {offsets.stride()}"
        )
    rows, k = a.shape
    groups, _, n = b.shape
    out = torch.empty((rows, n), dtype=a.dtype, device=a.device)
    if out.numel() == 0:
        return out
    BLOCK_M, BLOCK_N = 64, 64
    grid = (triton.cdiv(rows, BLOCK_M) + groups, triton.cdiv(n, BLOCK_N))
    grouped_gemm_kernel[grid](
        a, b, offsets, out, n, k, groups, BLOCK_M=BLOCK_M, BLOCK_N=BLOCK_N, BLOCK_K=32, num_warps=4
    )  # fmt: skip
    return out
