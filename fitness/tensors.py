"""Tensors as data: what crosses between rooms instead of torch objects."""

from __future__ import annotations

import math

import torch

from fitness.plan import InputData, InputSpec, Number, StridedData, TensorData, TensorSpec
from fitness.plan_check import ITEM_BYTES, LARGEST_SIZE, MOST_DIMENSIONS


def to_data(value: torch.Tensor) -> TensorData:
    """Return a CPU tensor's values, its strides forgotten."""
    raw = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return TensorData(tuple(value.shape), _name(value.dtype), raw)


def to_tensor(data: TensorData) -> torch.Tensor:
    """Return a new contiguous CPU tensor with these values.

    Raises:
        ValueError: the bytes do not fill the shape, or there is no such dtype.
    """
    if data.dtype not in ITEM_BYTES:
        raise ValueError(f"dtype must be one of {', '.join(ITEM_BYTES)}, got {data.dtype!r}")
    if any(not 0 <= size < LARGEST_SIZE for size in data.shape) or len(data.shape) > MOST_DIMENSIONS:
        raise ValueError(f"no tensor has the shape {data.shape}")
    dtype = getattr(torch, data.dtype)
    wanted = math.prod(data.shape) * dtype.itemsize
    if wanted != len(data.data):
        raise ValueError(f"{data.dtype} of shape {data.shape} takes {wanted} bytes, got {len(data.data)}")
    tensor = torch.empty(data.shape, dtype=dtype)
    if wanted:
        tensor.reshape(-1).view(torch.uint8).copy_(torch.frombuffer(bytearray(data.data), dtype=torch.uint8))
    return tensor


def to_input(value: torch.Tensor | Number | None) -> InputData:
    """Return an input with its values: a tensor with its strides, any other argument as it is."""
    return StridedData(spec_of(value), to_data(value).data) if isinstance(value, torch.Tensor) else value


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    """Return shape, strides and dtype of a tensor."""
    return TensorSpec(
        shape=tuple(map(int, tensor.shape)),
        stride=tuple(map(int, tensor.stride())),
        dtype=_name(tensor.dtype),
    )


def to_spec(value: torch.Tensor | Number | None) -> InputSpec:
    """Return shape, strides and dtype of a tensor, and any other argument as it is."""
    return spec_of(value) if isinstance(value, torch.Tensor) else value


def _name(dtype: torch.dtype) -> str:
    """Return torch's name of a dtype."""
    return str(dtype).removeprefix("torch.")
