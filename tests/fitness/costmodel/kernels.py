"""Small kernels with known traffic. `@NAME@` marks what a test fills in."""

from __future__ import annotations

HEAD = "import torch\nimport triton\nimport triton.language as tl\n\n"


def fill(source: str, **values: object) -> str:
    for name, value in values.items():
        source = source.replace(f"@{name}@", str(value))
    return HEAD + source


ADD = """
@triton.jit
def add_kernel(x, y, z, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(z + at, tl.load(x + at, mask=at < n) + tl.load(y + at, mask=at < n), mask=at < n)

def add(x, y):
    z = torch.empty_like(x)
    add_kernel[(triton.cdiv(x.numel(), @BLOCK@),)](x, y, z, x.numel(), BLOCK=@BLOCK@, num_warps=@WARPS@)
    return z
"""

STRIDED = """
@triton.jit
def strided_kernel(x, z, BLOCK: tl.constexpr, STEP: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(z + at, tl.load(x + at * STEP))

def strided(x):
    z = torch.empty(x.numel() // @STEP@, dtype=x.dtype, device=x.device)
    strided_kernel[(z.numel() // 256,)](x, z, BLOCK=256, STEP=@STEP@)
    return z
"""

TRANSPOSE = """
@triton.jit
def transpose_kernel(x, z, rows, columns, TM: tl.constexpr, TN: tl.constexpr):
    m = tl.program_id(0) * TM + tl.arange(0, TM)
    n = tl.program_id(1) * TN + tl.arange(0, TN)
    tile = tl.load(x + m[:, None] * columns + n[None, :])
    tl.store(z + n[None, :] * rows + m[:, None], tile)

def transpose(x):
    rows, columns = x.shape
    z = torch.empty((columns, rows), dtype=x.dtype, device=x.device)
    grid = (rows // @TM@, columns // @TN@)
    transpose_kernel[grid](x, z, rows, columns, TM=@TM@, TN=@TN@, num_warps=@WARPS@)
    return z
"""

FLIP = """
@triton.jit
def flip_kernel(x, y, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + row * columns + at, mask=at < columns)
    tl.store(y + row * columns + columns - 1 - at, value, mask=at < columns)

def flip(x):
    y = torch.empty_like(x)
    grid = (x.shape[0], triton.cdiv(x.shape[1], @BLOCK@))
    flip_kernel[grid](x, y, x.shape[1], BLOCK=@BLOCK@, num_warps=@WARPS@)
    return y
"""

SOFTMAX_ONE_PASS = """
@triton.jit
def softmax_kernel(x, y, stride, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    value = tl.load(x + row * stride + at, mask=at < columns, other=-float("inf"))
    value = tl.exp(value - tl.max(value, axis=0))
    tl.store(y + row * stride + at, value / tl.sum(value, axis=0), mask=at < columns)

def softmax(x):
    y = torch.empty_like(x)
    block = triton.next_power_of_2(x.shape[1])
    softmax_kernel[(x.shape[0],)](x, y, x.stride(0), x.shape[1], BLOCK=block, num_warps=@WARPS@)
    return y
"""

SOFTMAX_THREE_PASS = """
@triton.jit
def softmax_kernel(x, y, stride, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    highest = -float("inf")
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        value = tl.load(x + row * stride + at, mask=at < columns, other=-float("inf"))
        highest = tl.maximum(highest, tl.max(value, axis=0))
    total = 0.0
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        value = tl.load(x + row * stride + at, mask=at < columns, other=-float("inf"))
        total += tl.sum(tl.exp(value - highest), axis=0)
    for start in range(0, columns, BLOCK):
        at = start + tl.arange(0, BLOCK)
        value = tl.load(x + row * stride + at, mask=at < columns, other=-float("inf"))
        tl.store(y + row * stride + at, tl.exp(value - highest) / total, mask=at < columns)

def softmax(x):
    y = torch.empty_like(x)
    softmax_kernel[(x.shape[0],)](x, y, x.stride(0), x.shape[1], BLOCK=@BLOCK@, num_warps=@WARPS@)
    return y
"""

MATMUL = """
@triton.jit
def matmul_kernel(a, b, c, M, N, K, TM: tl.constexpr, TN: tl.constexpr, TK: tl.constexpr,
                  GROUP: tl.constexpr):
    pid = tl.program_id(0)
    tiles_m, tiles_n = tl.cdiv(M, TM), tl.cdiv(N, TN)
    in_group = GROUP * tiles_n
    first = pid // in_group * GROUP
    height = min(tiles_m - first, GROUP)
    pid_m = first + pid % in_group % height
    pid_n = pid % in_group // height
    m = pid_m * TM + tl.arange(0, TM)
    n = pid_n * TN + tl.arange(0, TN)
    k = tl.arange(0, TK)
    total = tl.zeros((TM, TN), dtype=tl.float32)
    for start in range(0, K, TK):
        left = tl.load(a + m[:, None] * K + (start + k)[None, :])
        right = tl.load(b + (start + k)[:, None] * N + n[None, :])
        total = tl.dot(left, right, total)
    tl.store(c + m[:, None] * N + n[None, :], total.to(c.dtype.element_ty))

def matmul(a, b):
    M, K = a.shape
    N = b.shape[1]
    c = torch.empty((M, N), dtype=a.dtype, device=a.device)
    grid = (triton.cdiv(M, @TM@) * triton.cdiv(N, @TN@),)
    matmul_kernel[grid](a, b, c, M, N, K, TM=@TM@, TN=@TN@, TK=@TK@, GROUP=@GROUP@, num_warps=@WARPS@,
                        num_stages=@STAGES@)
    return c
"""
