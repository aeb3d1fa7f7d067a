"""Input families: kinds of values that check workloads draw, beside the task's own `normal` ones."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fitness.messages import NORMAL
from fitness.plan import Number

HOT = 22.0
"""So far above the rest that an exponential of all others is next to nothing: were it near, a softmax would
add up thousands of equal numbers, whose rounding errors all go one way, and whoever does so in order would be
refused. 22 by 22 by the largest int8 is still a float16."""


def _one_hot(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    rows = torch.zeros_like(x).reshape(-1, x.shape[-1])
    hot = torch.randint(x.shape[-1], (rows.shape[0], 1), generator=generator, device=x.device)
    return rows.scatter_(1, hot, HOT).reshape(x.shape)


def _minus_infinity(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    hidden = torch.rand(x.shape, generator=generator, device=x.device) < 1 / 16
    return x.masked_fill(hidden, -torch.inf)


FAMILIES: dict[str, Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = {
    NORMAL: lambda x, _: x,
    "large": lambda x, _: x * 64,
    "small": lambda x, _: x / 1024,
    "heavy_tail": lambda x, _: x * x * x,
    "zeros": lambda x, _: torch.zeros_like(x),
    "one_hot": _one_hot,
    "minus_infinity": _minus_infinity,
}


def apply_family(
    name: str, inputs: tuple[torch.Tensor | Number | None, ...], generator: torch.Generator
) -> tuple[torch.Tensor | Number | None, ...]:
    """Return the inputs with every floating tensor turned into one of the family; the rest as it is.

    The generator is one of the device that the inputs are on.

    Raises:
        ValueError: no family of this name.
    """
    if name not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {name!r}")
    change = FAMILIES[name]
    return tuple(
        change(each, generator).to(each.dtype)
        if isinstance(each, torch.Tensor) and each.is_floating_point() and each.dim() and each.numel()
        else each
        for each in inputs
    )
