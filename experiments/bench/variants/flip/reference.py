import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    return (torch.randn(shape, generator=generator, device=device).to(getattr(torch, workload.dtype)),)


def reference(x):
    return torch.flip(x, dims=(-1,))
