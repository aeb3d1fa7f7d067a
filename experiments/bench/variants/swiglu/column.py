import torch
import triton
import triton.language as tl

ROWS = 128
COLS = 4
WARPS = 4


@triton.jit
def swiglu_kernel(gate_ptr, up_ptr, out_ptr, n_rows, n_cols, ROWS: tl.constexpr, COLS: tl.constexpr):
    # Tall, narrow tiles: a row of one is less than a sector.
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    cols = tl.program_id(1) * COLS + tl.arange(0, COLS)
    at = rows[:, None] * n_cols + cols[None, :]
    mask = (rows < n_rows)[:, None] & (cols < n_cols)[None, :]
    gate = tl.load(gate_ptr + at, mask=mask).to(tl.float32)
    up = tl.load(up_ptr + at, mask=mask).to(tl.float32)
    tl.store(out_ptr + at, (gate * tl.sigmoid(gate) * up).to(out_ptr.dtype.element_ty), mask=mask)


def swiglu(gate, up):
    out = torch.empty_like(gate)
    rows, cols = gate.shape
    grid = (triton.cdiv(rows, ROWS), triton.cdiv(cols, COLS))
    swiglu_kernel[grid](gate, up, out, rows, cols, ROWS=ROWS, COLS=COLS, num_warps=WARPS)
    return out
