"""Kernels to rewrite that multiply, divide, reload and mask in two dimensions."""

from __future__ import annotations

from tests.operators.kernels import HEAD

# Masks in two dimensions, strides, pointers that move on, a sum beside its dot, TF32 off the old way.
MASKED_MATMUL = f"""{HEAD}
@triton.jit
def masked_kernel(
    a_ptr, b_ptr, c_ptr, M, N, K,
    stride_am, stride_ak, stride_bk, stride_bn,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
):
    '''C = A @ B.'''
    pid_m = tl.program_id(0)
    pid_n = tl.program_id(axis=1)
    offs_m = pid_m * BLOCK_M + tl.arange(0, BLOCK_M)
    offs_n = pid_n * BLOCK_N + tl.arange(0, BLOCK_N)
    offs_k = tl.arange(0, BLOCK_K)
    a_ptrs = a_ptr + offs_m[:, None] * stride_am + offs_k[None, :] * stride_ak
    b_ptrs = b_ptr + offs_k[:, None] * stride_bk + offs_n[None, :] * stride_bn
    acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float32)
    for k in range(0, tl.cdiv(K, BLOCK_K)):
        a_mask = (offs_m[:, None] < M) & (offs_k[None, :] < K - k * BLOCK_K)
        b_mask = (offs_k[:, None] < K - k * BLOCK_K) & (offs_n[None, :] < N)
        a = tl.load(a_ptrs, mask=a_mask, other=0.0)
        b = tl.load(b_ptrs, mask=b_mask, other=0.0)
        acc += tl.dot(a, b, allow_tf32=False)
        a_ptrs += BLOCK_K * stride_ak
        b_ptrs += BLOCK_K * stride_bk
    c_ptrs = c_ptr + offs_m[:, None] * N + offs_n[None, :]
    tl.store(c_ptrs, acc.to(c_ptr.dtype.element_ty), mask=(offs_m[:, None] < M) & (offs_n[None, :] < N))


def masked_matmul(a, b):
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), device=a.device, dtype=a.dtype)
    grid = (triton.cdiv(M, 16), triton.cdiv(N, 16))
    masked_kernel[grid](
        a, b, c, M, N, K, a.stride(0), a.stride(1), b.stride(0), b.stride(1),
        BLOCK_M=16, BLOCK_N=16, BLOCK_K=32,
    )
    return c
"""

# Attention with its scale next to the dot, one program a block of queries.
ATTENTION = f"""{HEAD}
@triton.jit
def attention_kernel(q_ptr, k_ptr, v_ptr, out_ptr, length, scale, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    width = tl.arange(0, WIDTH)
    q = tl.load(q_ptr + rows[:, None] * WIDTH + width[None, :], mask=rows[:, None] < length, other=0.0)
    m_i = tl.full((BLOCK,), float("-inf"), tl.float32)
    l_i = tl.zeros((BLOCK,), tl.float32)
    acc = tl.zeros((BLOCK, WIDTH), tl.float32)
    for start in range(0, length, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        k = tl.load(k_ptr + cols[None, :] * WIDTH + width[:, None], mask=cols[None, :] < length, other=0.0)
        qk = tl.where(cols[None, :] < length, tl.dot(q, k, input_precision="ieee") * scale, float("-inf"))
        m_new = tl.maximum(m_i, tl.max(qk, axis=1))
        p = tl.exp(qk - m_new[:, None])
        alpha = tl.exp(m_i - m_new)
        l_i = l_i * alpha + tl.sum(p, axis=1)
        acc = acc * alpha[:, None]
        v = tl.load(v_ptr + cols[:, None] * WIDTH + width[None, :], mask=cols[:, None] < length, other=0.0)
        acc = tl.dot(p, v, acc, input_precision="ieee")
        m_i = m_new
    acc = acc / l_i[:, None]
    tl.store(out_ptr + rows[:, None] * WIDTH + width[None, :], acc, mask=rows[:, None] < length)


def attention(q, k, v):
    out = torch.empty_like(q)
    length, width = q.shape
    grid = lambda meta: (triton.cdiv(length, meta["BLOCK"]),)
    attention_kernel[grid](q, k, v, out, length, width**-0.5, width, BLOCK=32)
    return out
"""

# Exponentials, divisions by constants and by sums of exponentials.
GELU = f"""{HEAD}
@triton.jit
def gelu_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    pid = tl.program_id(0)
    start = pid * BLOCK
    offsets = start + tl.arange(0, BLOCK)
    mask = offsets < n
    x = tl.load(x_ptr + offsets, mask).to(tl.float32)
    u = x * (1 + x * x / 22.366) / 0.6266570686577501
    y = x / (1 + tl.exp(-u))  # x * sigmoid(2 * 0.7979 * (x + 0.0447 * x**3))
    y /= 1.0
    tl.store(out_ptr + offsets, y.to(out_ptr.dtype.element_ty), mask)


def gelu(x):
    out = torch.empty_like(x)
    n = x.numel()
    gelu_kernel[triton.cdiv(n, 128),](x, out, n, BLOCK=128)
    return out
"""

# A row is loaded twice, a weight in every iteration, and a value that nobody reads.
RMS_NORM = f"""{HEAD}
@triton.jit
def rms_kernel(x_ptr, w_ptr, out_ptr, rows, n: tl.constexpr, BLOCK: tl.constexpr):
    for row in range(tl.program_id(0), rows, tl.num_programs(0)):
        cols = tl.arange(0, BLOCK)
        mask = cols < n
        unused = tl.load(w_ptr + cols, mask=mask)
        x = tl.load(x_ptr + row * n + cols, mask=mask, other=0.0)
        total = tl.zeros((1,), tl.float32)
        for part in range(2):
            w = tl.load(w_ptr + cols, mask=mask, other=0.0)
            total += tl.sum(x * w * w, axis=0) / tl.maximum(tl.sum(w * w, axis=0), 1e-6)
        inverse = 1 / tl.sqrt(tl.sum(x * x, axis=0) / n + 1e-6)
        x = tl.load(x_ptr + row * n + cols, mask=mask, other=0.0)
        tl.store(out_ptr + row * n + cols, x * inverse + 0.0 * total, mask=mask)


def rms_norm(x, w):
    out = torch.empty_like(x)
    rms_kernel[(2,)](x, w, out, x.shape[0], x.shape[1], triton.next_power_of_2(x.shape[1]))
    return out
"""
