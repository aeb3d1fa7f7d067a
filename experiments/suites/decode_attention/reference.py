"""Attention of one query token a sequence against a cache of keys and values, of which a part is filled."""

import torch


def make_inputs(workload, generator, device):
    batch, heads, kv_heads, longest, dim, mean = (
        workload.sizes[name] for name in ("batch", "heads", "kv_heads", "longest", "dim", "mean")
    )
    dtype = getattr(torch, workload.dtype)
    # For each sequence that is longer than the mean, one that is as much shorter: their sum is known.
    reach = min(longest - mean, mean - 1)
    more = torch.randint(reach + 1, (batch // 2,), generator=generator, device=device)
    lengths = torch.cat((mean + more, mean - more, more.new_full((batch % 2,), mean)))
    lengths = lengths[torch.randperm(batch, generator=generator, device=device)].to(torch.int32)
    q, k, v = (
        torch.randn(shape, generator=generator, device=device).to(dtype)
        for shape in ((batch, heads, dim), (batch, kv_heads, longest, dim), (batch, kv_heads, longest, dim))
    )
    return q, k, v, lengths


def reference(q, k, v, lengths):
    group = q.shape[1] // k.shape[1]
    k, v = (each.repeat_interleave(group, dim=1) for each in (k, v))
    scores = torch.matmul(k, q[..., None])[..., 0] / q.shape[-1] ** 0.5
    beyond = torch.arange(k.shape[2], device=q.device) >= lengths[:, None, None]
    weights = torch.softmax(scores.masked_fill(beyond, -torch.inf), dim=-1)
    return torch.matmul(weights[:, :, None], v)[:, :, 0]


def baseline(q, k, v, lengths):
    filled = torch.arange(k.shape[2], device=q.device) < lengths[:, None, None, None]
    attended = torch.nn.functional.scaled_dot_product_attention(
        q[:, :, None], k, v, attn_mask=filled, enable_gqa=True
    )
    return attended[:, :, 0]
