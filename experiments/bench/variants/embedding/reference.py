import torch


def make_inputs(workload, generator, device):
    tokens, words, dim = (workload.sizes[each] for each in ("tokens", "words", "dim"))
    table = torch.randn((words, dim), generator=generator, device=device).to(getattr(torch, workload.dtype))
    return torch.randint(0, words, (tokens,), generator=generator, device=device), table


def reference(indices, table):
    return torch.nn.functional.embedding(indices, table)
