"""Layer normalisation over the last axis, the plain way: one program a row, three passes over the row."""

import torch
import triton
import triton.language as tl

# Elements of a row that a program takes at a time.
BLOCK = 256
EPS = 1e-5


@triton.jit
def layer_norm_kernel(x_ptr, weight_ptr, bias_ptr, out_ptr, n_cols, eps, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    x_row = x_ptr + row * n_cols
    out_row = out_ptr + row * n_cols

    # Pass 1: the mean.
    total = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(x_row + cols, mask=cols < n_cols, other=0.0).to(tl.float32)
        total += tl.sum(x, axis=0)
    mean = total / n_cols

    # Pass 2: the variance; what is masked off adds nothing.
    squares = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask, other=0.0).to(tl.float32)
        centred = tl.where(mask, x - mean, 0.0)
        squares += tl.sum(centred * centred, axis=0)
    scale = 1.0 / tl.sqrt(squares / n_cols + eps)

    # Pass 3: the normalised elements, weighted.
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask).to(tl.float32)
        weight = tl.load(weight_ptr + cols, mask=mask).to(tl.float32)
        bias = tl.load(bias_ptr + cols, mask=mask).to(tl.float32)
        y = (x - mean) * scale * weight + bias
        tl.store(out_row + cols, y.to(out_ptr.dtype.element_ty), mask=mask)


def layer_norm(x, weight, bias):
    """Return x normalised over its last axis; x is contiguous, (..., n_cols), the others are (n_cols,)."""
    if not x.is_contiguous():
        raise ValueError(f"layer_norm needs a contiguous tensor, got strides {x.stride()}")
    out = torch.empty_like(x)
    if x.numel() == 0:
        return out
    n_cols = x.shape[-1]
    n_rows = x.numel() // n_cols
    layer_norm_kernel[(n_rows,)](x, weight, bias, out, n_cols, EPS, BLOCK=BLOCK, num_warps=4)
    return out
