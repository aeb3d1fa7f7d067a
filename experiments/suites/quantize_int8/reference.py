"""Rows of 8-bit whole numbers, each with the step that its numbers count."""

import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)
    return (torch.randn(shape, generator=generator, device=device).to(dtype),)


def reference(x):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    scale = wide.abs().amax(dim=-1) / 127
    steps = wide / torch.where(scale > 0, scale, 1)[..., None]
    return torch.round(steps).to(torch.int8), scale


def baseline(x):
    scale = x.abs().amax(dim=-1).float() / 127
    steps = x / torch.where(scale > 0, scale, 1)[..., None]
    return torch.round(steps).to(torch.int8), scale
