"""The running sum over the last axis."""

import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)
    return (torch.randn(shape, generator=generator, device=device).to(dtype),)


def reference(x):
    # One element after the other: torch accumulates float32 in float64 on a CPU, but the error of a sum in
    # float32 is what other orders are held against.
    wide = torch.promote_types(x.dtype, torch.float32)
    total, sums = torch.zeros(x.shape[:-1], dtype=wide, device=x.device), []
    for column in x.to(wide).unbind(-1):
        total = total + column
        sums.append(total)
    return torch.stack(sums, dim=-1).to(x.dtype)


def baseline(x):
    return torch.cumsum(x, dim=-1)
