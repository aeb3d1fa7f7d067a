import torch


def make_inputs(workload, generator, device):
    batches, m, n, k = (workload.sizes[each] for each in ("batches", "m", "n", "k"))
    dtype = getattr(torch, workload.dtype)
    shapes = ((batches, m, k), (batches, k, n))
    return tuple(torch.randn(each, generator=generator, device=device).to(dtype) for each in shapes)


def reference(a, b):
    return torch.bmm(a, b)
