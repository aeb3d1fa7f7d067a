"""A convolution along the last axis, each channel by itself, that looks back and never ahead."""

import torch


def make_inputs(workload, generator, device):
    batch, channels, length, width = (
        workload.sizes[name] for name in ("batch", "channels", "length", "width")
    )
    dtype = getattr(torch, workload.dtype)
    return tuple(
        torch.randn(shape, generator=generator, device=device).to(dtype)
        for shape in ((batch, channels, length), (channels, width), (channels,))
    )


def reference(x, weight, bias):
    channels, width = weight.shape
    past = torch.nn.functional.pad(x, (width - 1, 0))
    return torch.nn.functional.conv1d(past, weight[:, None], bias, groups=channels)


def baseline(x, weight, bias):
    return reference(x, weight, bias)
