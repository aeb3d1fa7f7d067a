"""The product of activations with 8-bit weights that one scale a column brings to size."""

import torch


def make_inputs(workload, generator, device):
    m, n, k = (workload.sizes[name] for name in "mnk")
    dtype = getattr(torch, workload.dtype)
    x = torch.randn((m, k), generator=generator, device=device).to(dtype)
    weight = torch.randint(-127, 128, (k, n), generator=generator, device=device, dtype=torch.int8)
    # The largest weight of a column stands for 0.5 to 1.
    scales = (torch.rand((n,), generator=generator, device=device) + 1) / 254
    return x, weight, scales.to(dtype)


def reference(x, weight, scales):
    return torch.matmul(x, weight.to(x.dtype)) * scales


def baseline(x, weight, scales):
    return torch.matmul(x, weight.to(x.dtype) * scales)
