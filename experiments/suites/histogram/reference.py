"""How often each whole number below `bins` occurs."""

import torch


def make_inputs(workload, generator, device):
    n, bins = workload.sizes["n"], workload.sizes["bins"]

    def draw():
        return torch.randint(bins, (n,), generator=generator, device=device, dtype=torch.int32)

    # The mean of two dice: numbers in the middle are frequent, those at the ends rare.
    return (draw() + draw()) // 2, bins


def reference(x, bins):
    counts = torch.zeros(bins, dtype=torch.int32, device=x.device)
    return counts.index_add(0, x, torch.ones_like(x))


def baseline(x, bins):
    return torch.bincount(x, minlength=bins).to(torch.int32)
