"""Causal attention: every query attends to the keys up to its own place."""

import torch


def make_inputs(workload, generator, device):
    shape = tuple(workload.sizes[name] for name in ("batch", "heads", "length", "dim"))
    dtype = getattr(torch, workload.dtype)
    return tuple(torch.randn(shape, generator=generator, device=device).to(dtype) for _ in "qkv")


def reference(q, k, v):
    scores = torch.matmul(q, k.transpose(-1, -2)) / q.shape[-1] ** 0.5
    later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    return torch.matmul(torch.softmax(scores.masked_fill(later, -torch.inf), dim=-1), v)


def baseline(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
