"""The divergence of each row, the plain way: one program a row, block after block."""

import torch
import triton
import triton.language as tl

# Elements of a row that a program takes at a time.
BLOCK = 256


@triton.jit
def kl_div_kernel(log_probs_ptr, target_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    total = 0.0
    for start in range(0, n_cols, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        mask = cols < n_cols
        log_probs = tl.load(log_probs_ptr + row * n_cols + cols, mask=mask, other=0.0).to(tl.float32)
        target = tl.load(target_ptr + row * n_cols + cols, mask=mask, other=0.0).to(tl.float32)
        # A target of zero adds nothing, the limit of t log t; one stands in for it in the logarithm.
        logs = tl.log(tl.where(target > 0.0, target, 1.0))
        total += tl.sum(target * (logs - log_probs), axis=0)
    tl.store(out_ptr + row, total.to(out_ptr.dtype.element_ty))


def kl_div(log_probs, target):
    """Return the divergence of each row; both are contiguous, of one dtype and shape (..., n_cols)."""
    if not (log_probs.is_contiguous() and target.is_contiguous()):
        raise ValueError(f"kl_div needs contiguous tensors, got strides {log_probs.stride()}")
    out = torch.empty(target.shape[:-1], dtype=target.dtype, device=target.device)
    n_rows = out.numel()
    if n_rows == 0:
        return out
    kl_div_kernel[(n_rows,)](log_probs, target, out, target.shape[-1], BLOCK=BLOCK, num_warps=4)
    return out
