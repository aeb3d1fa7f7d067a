"""The residual's sum and its normalisation in place, the plain way: one program a row, two passes over it."""

import triton
import triton.language as tl

# Elements of a row that a program takes at a time.
BLOCK = 256
EPS = 1e-6


@triton.jit
def fused_add_rms_norm_kernel(x_ptr, residual_ptr, weight_ptr, n_cols, eps, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    x_row = x_ptr + row * n_cols
    residual_row = residual_ptr + row * n_cols

    # Pass 1: the sum and its mean square; what is masked off adds nothing.
    squares = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask, other=0.0).to(tl.float32)
        residual = tl.load(residual_row + cols, mask=mask, other=0.0).to(tl.float32)
        total = x + residual
        squares += tl.sum(total * total, axis=0)
    scale = 1.0 / tl.sqrt(squares / n_cols + eps)

    # Pass 2: the sum again, which is stored, and the normalised elements, weighted.
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        x = tl.load(x_row + cols, mask=mask).to(tl.float32)
        residual = tl.load(residual_row + cols, mask=mask).to(tl.float32)
        weight = tl.load(weight_ptr + cols, mask=mask).to(tl.float32)
        total = x + residual
        y = total * scale * weight
        tl.store(residual_row + cols, total.to(residual_ptr.dtype.element_ty), mask=mask)
        tl.store(x_row + cols, y.to(x_ptr.dtype.element_ty), mask=mask)


def fused_add_rms_norm(x, residual, weight):
    """Add x to residual and set x to the sum normalised over its last axis, both in place.

    x and residual are contiguous, (..., n_cols), weight is (n_cols,).
    """
    if not (x.is_contiguous() and residual.is_contiguous()):
        raise ValueError(f"fused_add_rms_norm needs contiguous tensors, got strides {x.stride()}")
    if x.numel() == 0:
        return
    n_cols = x.shape[-1]
    n_rows = x.numel() // n_cols
    fused_add_rms_norm_kernel[(n_rows,)](x, residual, weight, n_cols, EPS, BLOCK=BLOCK, num_warps=4)
