"""One step of AdamW in place, the plain way: one program a block of elements."""

import triton
import triton.language as tl

# Elements that a program updates.
BLOCK = 256
BETA_1, BETA_2, EPS, WEIGHT_DECAY = 0.9, 0.999, 1e-8, 0.01


@triton.jit
def adamw_kernel(
    param_ptr, grad_ptr, exp_avg_ptr, exp_avg_sq_ptr, n, lr, beta_1, rest_1, beta_2, rest_2, eps,
    weight_decay, correction_1, correction_2, BLOCK: tl.constexpr,
):  # fmt: skip
    # 64-bit, so that offsets hold for tensors of more than 2**31 elements.
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    mask = at < n
    param = tl.load(param_ptr + at, mask=mask).to(tl.float32)
    grad = tl.load(grad_ptr + at, mask=mask).to(tl.float32)
    exp_avg = tl.load(exp_avg_ptr + at, mask=mask).to(tl.float32)
    exp_avg_sq = tl.load(exp_avg_sq_ptr + at, mask=mask).to(tl.float32)

    exp_avg = beta_1 * exp_avg + rest_1 * grad
    exp_avg_sq = beta_2 * exp_avg_sq + rest_2 * grad * grad
    mean = exp_avg / correction_1
    square = exp_avg_sq / correction_2
    param = param * (1.0 - lr * weight_decay) - lr * mean / (tl.sqrt(square) + eps)

    tl.store(param_ptr + at, param.to(param_ptr.dtype.element_ty), mask=mask)
    tl.store(exp_avg_ptr + at, exp_avg.to(exp_avg_ptr.dtype.element_ty), mask=mask)
    tl.store(exp_avg_sq_ptr + at, exp_avg_sq.to(exp_avg_sq_ptr.dtype.element_ty), mask=mask)


def adamw_step(param, grad, exp_avg, exp_avg_sq, step, lr):
    """Update param, exp_avg and exp_avg_sq in place; all are contiguous and of one shape."""
    tensors = (param, grad, exp_avg, exp_avg_sq)
    if not all(each.is_contiguous() for each in tensors):
        raise ValueError(f"adamw_step needs contiguous tensors, got {[each.stride() for each in tensors]}")
    n = param.numel()
    if n == 0:
        return
    # 1 - beta is taken here, in float64: in float32 it would lose what beta's own rounding cost.
    adamw_kernel[(triton.cdiv(n, BLOCK),)](
        *tensors, n, lr, BETA_1, 1 - BETA_1, BETA_2, 1 - BETA_2, EPS, WEIGHT_DECAY, 1 - BETA_1**step,
        1 - BETA_2**step, BLOCK=BLOCK, num_warps=4,
    )  # fmt: skip
