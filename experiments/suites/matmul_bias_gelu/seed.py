"""Product, bias and GELU, the plain way: one program a tile of the result, the epilogue in registers."""

import torch
import triton
import triton.language as tl


@triton.jit
def matmul_bias_gelu_kernel(
    a_ptr, b_ptr, bias_ptr, out_ptr, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):  # fmt: skip
    # 64-bit, so that the offset of a row holds for matrices of more than 2**31 elements.
    rows = tl.program_id(0).to(tl.int64) * BLOCK_M + tl.arange(0, BLOCK_M)
    cols = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)

    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for start in range(0, k, BLOCK_K):
        inner = start + tl.arange(0, BLOCK_K)
        a_mask = (rows[:, None] < m) & (inner[None, :] < k)
        b_mask = (inner[:, None] < k) & (cols[None, :] < n)
        a = tl.load(a_ptr + rows[:, None] * k + inner[None, :], mask=a_mask, other=0.0)
        b = tl.load(b_ptr + inner[:, None].to(tl.int64) * n + cols[None, :], mask=b_mask, other=0.0)
        total += tl.dot(a, b, input_precision="ieee")

    bias = tl.load(bias_ptr + cols, mask=cols < n, other=0.0).to(tl.float32)
    x = total + bias[None, :]
    # x * Phi(x), with the normal distribution by the error function; 0.7071... is 1 / sqrt(2).
    y = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    out_mask = (rows[:, None] < m) & (cols[None, :] < n)
    tl.store(out_ptr + rows[:, None] * n + cols[None, :], y.to(out_ptr.dtype.element_ty), mask=out_mask)


def matmul_bias_gelu(a, b, bias):
    """Return gelu(a b + bias) for a (m, k), b (k, n) and bias (n,); all are contiguous and of one dtype."""
    if not (a.is_contiguous() and b.is_contiguous() and bias.is_contiguous()):
        raise ValueError(
            "matmul_bias_gelu needs contiguous tensors, "
            f"got strides {a.stride()}, {b.stride()} and {bias.stride()}"
        )
    m, k = a.shape
    n = b.shape[1]
    out = torch.empty((m, n), dtype=a.dtype, device=a.device)
    if out.numel() == 0:
        return out
    BLOCK_M, BLOCK_N = 64, 64
    grid = (triton.cdiv(m, BLOCK_M), triton.cdiv(n, BLOCK_N))
    matmul_bias_gelu_kernel[grid](
        a, b, bias, out, m, n, k, BLOCK_M=BLOCK_M, BLOCK_N=BLOCK_N, BLOCK_K=32, num_warps=4
    )  # fmt: skip
    return out
