"""The transpose of a matrix, as a contiguous tensor."""

import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)
    return (torch.randn(shape, generator=generator, device=device).to(dtype),)


def reference(x):
    return x.t().contiguous()


def baseline(x):
    return torch.transpose(x, 0, 1).contiguous()
