"""Rows of a table, picked by their indices."""

import torch
import torch.nn.functional as F


def make_inputs(workload, generator, device):
    sizes = workload.sizes
    vocabulary, tokens, distinct = sizes["vocabulary"], sizes["tokens"], sizes["distinct"]

    def shuffled(count):
        return torch.randperm(count, generator=generator, device=device)

    # Some rows of the table, each picked once at least and some more often, as in text.
    again = torch.randint(distinct, (tokens - distinct,), generator=generator, device=device)
    picked = torch.cat((torch.arange(distinct, device=device), again))[shuffled(tokens)]
    indices = shuffled(vocabulary)[:distinct][picked]
    weight = torch.randn((vocabulary, sizes["dim"]), generator=generator, device=device)
    return indices, weight.to(getattr(torch, workload.dtype))


def reference(indices, weight):
    return F.embedding(indices, weight)


def baseline(indices, weight):
    return F.embedding(indices, weight)
