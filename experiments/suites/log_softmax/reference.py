"""log_softmax over the last axis."""

import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)
    return (torch.randn(shape, generator=generator, device=device).to(dtype),)


def reference(x):
    return torch.log_softmax(x, dim=-1)


def baseline(x):
    return torch.log_softmax(x, dim=-1)
