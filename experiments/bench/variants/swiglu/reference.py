import torch


def make_inputs(workload, generator, device):
    shape = (workload.sizes["rows"], workload.sizes["cols"])
    dtype = getattr(torch, workload.dtype)
    return tuple(torch.randn(shape, generator=generator, device=device).to(dtype) for _ in range(2))


def reference(gate, up):
    return torch.nn.functional.silu(gate) * up
