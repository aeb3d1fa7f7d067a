import torch


def make_inputs(workload, generator, device):
    m, n, k = (workload.sizes[each] for each in ("m", "n", "k"))
    dtype = getattr(torch, workload.dtype)
    shapes = ((m, k), (k, n))
    return tuple(torch.randn(each, generator=generator, device=device).to(dtype) for each in shapes)


def reference(a, b):
    return a @ b
