"""Inputs of which only the whole numbers are made: what a description holds of workloads of real size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FACTORIES = frozenset({
    torch.arange, torch.empty, torch.full, torch.linspace, torch.normal, torch.ones, torch.rand,
    torch.randint, torch.randn, torch.randperm, torch.zeros,
})  # fmt: skip


def whole_numbers_of(make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return what `make` returns; floating tensors may have no values (torch's `meta` device).

    Gigabytes of floating values are not drawn where nobody reads them. Inputs whose whole numbers come from
    floating values are made whole, by a second call.
    """
    try:
        with FloatsUnmade():
            inputs = tuple(make())
    # torch's word for whole numbers that need a value which is not there.
    except (RuntimeError, ValueError):
        return tuple(make())
    valueless = any(
        isinstance(each, torch.Tensor) and each.is_meta and not each.is_floating_point() for each in inputs
    )
    return tuple(make()) if valueless else inputs


class FloatsUnmade(TorchFunctionMode):
    """Has torch's factories make floating tensors without values, and all others as they are asked to."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Make a tensor without values first, to see what dtype it has; that costs nothing."""
        kwargs = kwargs or {}
        if func in FACTORIES:
            unmade = {**kwargs, "device": "meta"}
            unmade.pop("generator", None)  # one of another device
            tensor = func(*args, **unmade)
            if tensor.is_floating_point():
                return tensor
        return func(*args, **kwargs)
