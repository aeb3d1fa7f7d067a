"""The products of two batches of matrices."""

import torch


def make_inputs(workload, generator, device):
    batch, m, n, k = (workload.sizes[name] for name in ("batch", "m", "n", "k"))
    dtype = getattr(torch, workload.dtype)
    return tuple(
        torch.randn(shape, generator=generator, device=device).to(dtype)
        for shape in ((batch, m, k), (batch, k, n))
    )


def reference(a, b):
    return torch.bmm(a, b)


def baseline(a, b):
    return torch.bmm(a, b)
