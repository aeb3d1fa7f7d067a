import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["elements"],)
    return (torch.randn(shape, generator=generator, device=device).to(getattr(torch, workload.dtype)),)


def reference(x):
    return torch.nn.functional.gelu(x)
