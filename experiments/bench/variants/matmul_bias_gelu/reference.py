import torch


def make_inputs(workload, generator, device):
    m, n, k = (workload.sizes[each] for each in ("m", "n", "k"))
    dtype = getattr(torch, workload.dtype)
    shapes = ((m, k), (k, n), (n,))
    a, b, bias = (torch.randn(each, generator=generator, device=device).to(dtype) for each in shapes)
    return a, (b.float() / k**0.5).to(dtype), bias


def reference(a, b, bias):
    return torch.nn.functional.gelu(a @ b + bias)
