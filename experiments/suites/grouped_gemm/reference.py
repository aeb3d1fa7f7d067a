"""The products of groups of rows, of whatever lengths, each with a matrix of its own."""

import itertools

import torch


def make_inputs(workload, generator, device):
    rows, n, k, groups, empty = (workload.sizes[name] for name in ("rows", "n", "k", "groups", "empty"))
    dtype = getattr(torch, workload.dtype)
    # Which groups have rows, and where those end: at distinct places drawn at random, the last at the end.
    filled = torch.randperm(groups, generator=generator, device=device) >= empty
    cuts = torch.randperm(rows - 1, generator=generator, device=device)[: groups - empty - 1] + 1
    ends = torch.cat((cuts.new_zeros(1), cuts.sort().values, cuts.new_full((1,), rows)))
    offsets = ends[filled.cumsum(0)].to(torch.int32)
    a = torch.randn((rows, k), generator=generator, device=device).to(dtype)
    b = torch.randn((groups, k, n), generator=generator, device=device).to(dtype)
    return a, b, offsets


def reference(a, b, offsets):
    spans = itertools.pairwise([0, *offsets.tolist()])
    return torch.cat([torch.matmul(a[start:end], each) for (start, end), each in zip(spans, b, strict=True)])


def baseline(a, b, offsets):
    return torch.nn.functional.grouped_mm(a, b, offs=offsets)
