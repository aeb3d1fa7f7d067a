"""The sum of two vectors."""

import torch


def make_inputs(workload, generator, device):
    dtype = getattr(torch, workload.dtype)

    def draw():
        return torch.randn(workload.sizes["n"], generator=generator, device=device).to(dtype)

    return draw(), draw()


def reference(x, y):
    return x + y


def baseline(x, y):
    return torch.add(x, y)
