"""The product of two matrices."""

import torch


def make_inputs(workload, generator, device):
    m, n, k = (workload.sizes[name] for name in "mnk")
    dtype = getattr(torch, workload.dtype)
    return tuple(
        torch.randn(shape, generator=generator, device=device).to(dtype) for shape in ((m, k), (k, n))
    )


def reference(a, b):
    return torch.matmul(a, b)


def baseline(a, b):
    return torch.matmul(a, b)
