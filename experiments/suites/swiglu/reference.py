"""SwiGLU: the gate's SiLU times the other half."""

import torch
import torch.nn.functional as F


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)

    def draw():
        return torch.randn(shape, generator=generator, device=device).to(dtype)

    return draw(), draw()


def reference(gate, up):
    return F.silu(gate) * up


def baseline(gate, up):
    return F.silu(gate) * up
