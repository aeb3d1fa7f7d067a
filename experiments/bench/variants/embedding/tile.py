import torch
import triton
import triton.language as tl

ROWS = 8
BLOCK = 256
WARPS = 4


@triton.jit
def embedding_kernel(index_ptr, table_ptr, out_ptr, n, dim, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    cols = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = (rows < n)[:, None] & (cols < dim)[None, :]
    picked = tl.load(index_ptr + rows, mask=rows < n, other=0)
    x = tl.load(table_ptr + picked[:, None] * dim + cols[None, :], mask=mask)
    tl.store(out_ptr + rows[:, None] * dim + cols[None, :], x, mask=mask)


def embedding(indices, table):
    n, dim = indices.numel(), table.shape[1]
    out = torch.empty((n, dim), dtype=table.dtype, device=table.device)
    grid = (triton.cdiv(n, ROWS), triton.cdiv(dim, BLOCK))
    embedding_kernel[grid](indices, table, out, n, dim, ROWS=ROWS, BLOCK=BLOCK, num_warps=WARPS)
    return out
