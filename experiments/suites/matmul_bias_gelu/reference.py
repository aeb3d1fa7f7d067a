"""A linear layer with GELU: the product of two matrices, a bias on its columns, x * Phi(x)."""

import torch


def make_inputs(workload, generator, device):
    m, n, k = (workload.sizes[name] for name in "mnk")
    dtype = getattr(torch, workload.dtype)
    a, b, bias = (torch.randn(shape, generator=generator, device=device) for shape in ((m, k), (k, n), (n,)))
    # Results of about 1, where GELU bends.
    return a.to(dtype), (b / k**0.5).to(dtype), bias.to(dtype)


def reference(a, b, bias):
    return torch.nn.functional.gelu(torch.matmul(a, b) + bias)


def baseline(a, b, bias):
    return torch.nn.functional.gelu(torch.addmm(bias, a, b))
