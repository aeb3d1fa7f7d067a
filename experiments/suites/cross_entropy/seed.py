"""Cross entropy, the plain way: one program a row, two passes over its logits."""

import torch
import triton
import triton.language as tl

# Logits of a row that a program takes at a time.
BLOCK = 512


@triton.jit
def cross_entropy_kernel(logits_ptr, target_ptr, loss_ptr, n_classes, BLOCK: tl.constexpr):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    logits_row = logits_ptr + row * n_classes

    # Pass 1: the largest logit.
    row_max = -float("inf")
    for start in range(0, n_classes, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(logits_row + cols, mask=cols < n_classes, other=-float("inf")).to(tl.float32)
        row_max = tl.maximum(row_max, tl.max(x, axis=0))

    # Pass 2: the sum of the exponentials; what is masked off adds exp(-inf) = 0.
    row_sum = 0.0
    for start in range(0, n_classes, BLOCK):
        cols = start + tl.arange(0, BLOCK)
        x = tl.load(logits_row + cols, mask=cols < n_classes, other=-float("inf")).to(tl.float32)
        row_sum += tl.sum(tl.exp(x - row_max), axis=0)

    target = tl.load(target_ptr + row)
    chosen = tl.load(logits_row + target).to(tl.float32)
    loss = tl.log(row_sum) + row_max - chosen
    tl.store(loss_ptr + row, loss.to(loss_ptr.dtype.element_ty))


def cross_entropy(logits, target):
    """Return the loss of each row; logits is contiguous, (n_rows, n_classes), target int64, (n_rows,)."""
    if not (logits.is_contiguous() and target.is_contiguous()):
        raise ValueError(f"cross_entropy needs contiguous tensors, got strides {logits.stride()}")
    n_rows, n_classes = logits.shape
    loss = torch.empty((n_rows,), dtype=logits.dtype, device=logits.device)
    if n_rows == 0:
        return loss
    cross_entropy_kernel[(n_rows,)](logits, target, loss, n_classes, BLOCK=BLOCK, num_warps=4)
    return loss
