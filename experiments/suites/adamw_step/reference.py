"""One step of AdamW, in place."""

import torch

BETA_1, BETA_2, EPS, WEIGHT_DECAY = 0.9, 0.999, 1e-8, 0.01


def make_inputs(workload, generator, device):
    dtype = getattr(torch, workload.dtype)

    def draw():
        return torch.randn(workload.sizes["n"], generator=generator, device=device).to(dtype)

    return draw(), draw(), draw() / 4, draw().square() / 16, workload.sizes["step"], 1e-3


def reference(param, grad, exp_avg, exp_avg_sq, step, lr):
    exp_avg = BETA_1 * exp_avg + (1 - BETA_1) * grad
    exp_avg_sq = BETA_2 * exp_avg_sq + (1 - BETA_2) * grad * grad
    mean, square = exp_avg / (1 - BETA_1**step), exp_avg_sq / (1 - BETA_2**step)
    param = param * (1 - lr * WEIGHT_DECAY) - lr * mean / (square.sqrt() + EPS)
    return param, exp_avg, exp_avg_sq


def baseline(param, grad, exp_avg, exp_avg_sq, step, lr):
    from torch.optim.adamw import adamw  # seconds to import, and needed here alone

    # torch counts the step that it makes.
    steps = torch.tensor(float(step - 1), device=param.device)
    adamw(
        [param], [grad], [exp_avg], [exp_avg_sq], [], [steps], fused=True, amsgrad=False, maximize=False,
        beta1=BETA_1, beta2=BETA_2, lr=lr, weight_decay=WEIGHT_DECAY, eps=EPS,
    )  # fmt: skip
