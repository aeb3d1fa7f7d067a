"""Rotary position embedding: each head's halves turned by an angle a position."""

import torch


def make_inputs(workload, generator, device):
    sizes = workload.sizes
    dtype = getattr(torch, workload.dtype)
    shape = (sizes["tokens"], sizes["heads"], 2 * sizes["half"])
    x = torch.randn(shape, generator=generator, device=device).to(dtype)
    # A window of positions that begins anywhere in a long context.
    first = torch.rand(1, generator=generator, device=device) * 4096
    positions = torch.floor(first) + torch.arange(sizes["tokens"], device=device)
    rates = 10000.0 ** (-torch.arange(sizes["half"], device=device) / sizes["half"])
    angles = positions[:, None] * rates[None, :]
    return x, angles.cos().to(dtype), angles.sin().to(dtype)


def reference(x, cos, sin):
    wide = torch.promote_types(x.dtype, torch.float32)
    first, second = x.to(wide).chunk(2, dim=-1)
    cos, sin = cos.to(wide)[:, None, :], sin.to(wide)[:, None, :]
    turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
    return turned.to(x.dtype)


def baseline(x, cos, sin):
    cos, sin = torch.cat((cos, cos), dim=-1)[:, None, :], torch.cat((sin, sin), dim=-1)[:, None, :]
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
