"""GELU: x times the normal distribution's cumulative probability at x."""

import torch
import torch.nn.functional as F


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)
    return (torch.randn(shape, generator=generator, device=device).to(dtype),)


def reference(x):
    return F.gelu(x)


def baseline(x):
    return F.gelu(x)
