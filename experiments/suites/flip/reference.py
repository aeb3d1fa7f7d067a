"""The last axis in reverse order."""

import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)
    return (torch.randn(shape, generator=generator, device=device).to(dtype),)


def reference(x):
    return torch.flip(x, dims=(-1,))


def baseline(x):
    return torch.flip(x, dims=(-1,))
