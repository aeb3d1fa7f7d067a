import torch


def make_inputs(workload, generator, device):
    m, k = workload.sizes["m"], workload.sizes["k"]
    dtype = getattr(torch, workload.dtype)
    return tuple(torch.randn(each, generator=generator, device=device).to(dtype) for each in ((m, k), (k,)))


def reference(a, x):
    return torch.mv(a, x)
