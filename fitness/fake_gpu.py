"""Fake tensors on a GPU that torch was not built for: what torch's own methods cannot answer there.

Some methods of torch ask for the device's driver before they do anything, which a torch without CUDA does not
have. Here they become the operations that they stand for. Used only inside the capture room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

aten = torch.ops.aten
SCALARS = ("item", "tolist", "__bool__", "__int__", "__float__", "__index__", "__complex__")


class FakeGpu(TorchFunctionMode):
    """Answers for fake GPU tensors: made-up addresses, which Triton specialises kernels on, and indexing."""

    def __init__(self, address: Callable[[torch.Tensor], int]) -> None:
        super().__init__()
        self._answers: dict[str, Callable[..., Any]] = {
            "data_ptr": address,
            "__getitem__": indexed,
            "__setitem__": assign,
            "contiguous": contiguous,
            "cuda": cuda,
            "copy_": aten.copy_,
            **dict.fromkeys(SCALARS, aten._local_scalar_dense),
        }

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer what torch cannot; leave everything else to it."""
        name = getattr(func, "__name__", "")
        if name in self._answers and getattr(torch.Tensor, name, None) == func:
            return self._answers[name](*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def indexed(tensor: torch.Tensor, index: Any) -> torch.Tensor:
    """Return `tensor[index]`: views for whole numbers, slices, None and `...`; else what gathers data."""
    indices = list(index) if isinstance(index, tuple) else [index]
    simple = all(each is None or each is ... or isinstance(each, slice | int) for each in indices)
    if not simple or any(isinstance(each, bool) for each in indices):
        gathered: torch.Tensor = aten.index.Tensor(
            tensor, [each if isinstance(each, torch.Tensor) else None for each in indices]
        )
        return gathered
    taken = sum(each is not None and each is not ... for each in indices)
    if ... not in indices:
        indices.append(...)
    dim = 0
    view: torch.Tensor = aten.alias(tensor)
    for each in indices:
        if each is ...:
            dim += tensor.dim() - taken
        elif each is None:
            view, dim = aten.unsqueeze(view, dim), dim + 1
        elif isinstance(each, slice):
            view, dim = _sliced(view, dim, each), dim + 1
        else:
            view = aten.select.int(view, dim, each)
    return view


def _sliced(view: torch.Tensor, dim: int, each: slice) -> torch.Tensor:
    """Return a slice along one dimension.

    Raises:
        ValueError: a step that is not positive.
    """
    step = 1 if each.step is None else each.step
    if step < 1:
        raise ValueError("step must be greater than zero")
    sliced: torch.Tensor = aten.slice.Tensor(view, dim, each.start, each.stop, step)
    return sliced


def assign(tensor: torch.Tensor, index: Any, value: Any) -> None:
    """Carry out `tensor[index] = value`: a fill if the value is a number."""
    view = indexed(tensor, index)
    if isinstance(value, torch.Tensor):
        aten.copy_(view, value)
    else:
        view.fill_(value)


def contiguous(tensor: torch.Tensor, memory_format: Any = torch.contiguous_format) -> torch.Tensor:
    """Return the tensor if it is contiguous, else what copies it."""
    if tensor.is_contiguous(memory_format=memory_format):
        return tensor
    copied: torch.Tensor = aten.clone(tensor, memory_format=memory_format)
    return copied


def cuda(tensor: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
    """Return the tensor if it is on the GPU, else what copies it there."""
    if tensor.is_cuda:
        return tensor
    copied: torch.Tensor = aten._to_copy(tensor, device="cuda")
    return copied
