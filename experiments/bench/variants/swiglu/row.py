import torch
import triton
import triton.language as tl

WARPS = 4


@triton.jit
def swiglu_kernel(gate_ptr, up_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    cols = tl.arange(0, BLOCK)
    at = tl.program_id(0) * n_cols + cols
    mask = cols < n_cols
    gate = tl.load(gate_ptr + at, mask=mask).to(tl.float32)
    up = tl.load(up_ptr + at, mask=mask).to(tl.float32)
    tl.store(out_ptr + at, (gate * tl.sigmoid(gate) * up).to(out_ptr.dtype.element_ty), mask=mask)


def swiglu(gate, up):
    out = torch.empty_like(gate)
    rows, cols = gate.shape
    block = triton.next_power_of_2(cols)
    swiglu_kernel[(rows,)](gate, up, out, cols, BLOCK=block, num_warps=WARPS)
    return out
