"""Causal convolution of each channel, the plain way: one program a block of a row, one load for each tap."""

import torch
import triton
import triton.language as tl


@triton.jit
def causal_conv1d_kernel(
    x_ptr, weight_ptr, bias_ptr, out_ptr, channels, length, WIDTH: tl.constexpr, BLOCK: tl.constexpr
):
    # 64-bit, so that the offset of a row holds for tensors of more than 2**31 elements.
    row = tl.program_id(0).to(tl.int64)
    channel = row % channels
    cols = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)

    total = tl.zeros((BLOCK,), dtype=tl.float32) + tl.load(bias_ptr + channel).to(tl.float32)
    for tap in range(WIDTH):
        # The last tap weighs the element itself, the one before it the element before.
        at = cols + (tap - WIDTH + 1)
        x = tl.load(x_ptr + row * length + at, mask=(at >= 0) & (at < length), other=0.0).to(tl.float32)
        total += x * tl.load(weight_ptr + channel * WIDTH + tap).to(tl.float32)

    tl.store(out_ptr + row * length + cols, total.to(out_ptr.dtype.element_ty), mask=cols < length)


def causal_conv1d(x, weight, bias):
    """Return x (batch, channels, length) convolved with weight (channels, width), plus bias (channels,).

    All are contiguous and of one dtype.
    """
    if not (x.is_contiguous() and weight.is_contiguous() and bias.is_contiguous()):
        raise ValueError(
            "causal_conv1d needs contiguous tensors, "
            f"got strides {x.stride()}, {weight.stride()} and {bias.stride()}"
        )
    batch, channels, length = x.shape
    out = torch.empty_like(x)
    if out.numel() == 0:
        return out
    BLOCK = 256
    grid = (batch * channels, triton.cdiv(length, BLOCK))
    causal_conv1d_kernel[grid](
        x, weight, bias, out, channels, length, WIDTH=weight.shape[1], BLOCK=BLOCK, num_warps=4
    )  # fmt: skip
    return out
