"""Product with 8-bit weights, the plain way: widened tile by tile, scaled once at the end."""

import torch
import triton
import triton.language as tl


@triton.jit
def matmul_int8_weight_kernel(
    x_ptr, weight_ptr, scales_ptr, out_ptr, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    # 64-bit, so that the offset of a row holds for matrices of more than 2**31 elements.
    rows = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    cols = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)

    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, k, BLOCK_K):
        inner = start + tl.arange(0, BLOCK_K)
        x_mask = (rows[:, None] < m) & (inner[None, :] < k)
        weight_mask = (inner[:, None] < k) & (cols[None, :] < n)
        x = tl.load(x_ptr + rows[:, None] * k + inner[None, :], mask=x_mask, other=0.0)
        weight = tl.load(
            weight_ptr + inner[:, None].to(tl.int64) * n + cols[None, :], mask=weight_mask, other=0
        )
        # 8-bit integers are exact in any 16-bit float.
        total += tl.dot(x, weight.to(x.dtype), input_precision="ieee")

    scales = tl.load(scales_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
    y = total * scales[None, :]
    out_mask = (rows[:, None] < m) & (cols[None, :] < n)
    tl.store(out_ptr + rows[:, None] * n + cols[None, :], y.to(out_ptr.dtype.element_ty), mask=out_mask)


def matmul_int8_weight(x, weight, scales):
    """Return (x weight) * scales for x (m, k), weight (k, n) of int8 and scales (n,); all are contiguous."""
    if not (x.is_contiguous() and weight.is_contiguous() and scales.is_contiguous()):
        raise ValueError(
            "matmul_int8_weight needs contiguous tensors, "
            f"got strides {x.stride()}, {weight.stride()} and {scales.stride()}"
        )
    m, k = x.shape
    n = weight.shape[1]
    out = torch.empty((m, n), dtype=x.dtype, device=x.device)
    if out.numel() == 0:
        return out
    BLOCK_M, BLOCK_N = 32, 64
    grid = (triton.cdiv(m, BLOCK_M), triton.cdiv(n, BLOCK_N))
    matmul_int8_weight_kernel[grid](
        x, weight, scales, out, m, n, k, BLOCK_M=BLOCK_M, BLOCK_N=BLOCK_N, BLOCK_K=64, num_warps=4
    )  # fmt: skip
    return out
