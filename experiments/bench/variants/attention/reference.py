import torch


def make_inputs(workload, generator, device):
    shape = tuple(workload.sizes[each] for each in ("batches", "heads", "tokens", "dim"))
    dtype = getattr(torch, workload.dtype)
    return tuple(torch.randn(shape, generator=generator, device=device).to(dtype) for _ in range(3))


def reference(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
