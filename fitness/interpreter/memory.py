"""Memory for a candidate: inputs in storages of their own with gaps round them, fresh memory poisoned."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
import torch

from fitness.plan import StridedData, TensorData, TensorSpec
from fitness.tensors import to_data

GAP_BYTES = 4096
POISON = 0xFF
LARGEST_CLEARED_BYTES = 1 << 20


def dtype_of(name: str) -> torch.dtype:
    """Return torch's dtype of this name.

    Raises:
        ValueError: there is none.
    """
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"a dtype must be one of torch's, got {name!r}")
    return dtype


def span_of(spec: TensorSpec) -> int:
    """Return how many elements lie between a strided tensor's first and last element, both included."""
    if 0 in spec.shape:
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(spec.shape, spec.stride, strict=True))


def tensor_from(spec: TensorSpec, data: bytes | None) -> torch.Tensor:
    """Return a tensor in fresh memory that reads as zero and takes up no pages until it is written.

    Elements that strides skip hold the poison pattern where there is data, so that reading them shows.

    Args:
        spec: shape, strides and dtype.
        data: the elements in row-major order, packed; None leaves zeros.

    Raises:
        ValueError: the data does not fill the shape.
    """
    dtype = dtype_of(spec.dtype)
    size = span_of(spec) * dtype.itemsize
    area = np.frombuffer(mmap.mmap(-1, size + 2 * GAP_BYTES), dtype=np.uint8)
    inner = area[GAP_BYTES : GAP_BYTES + size]
    if data is not None:
        _scatter(inner, spec, dtype.itemsize, data)
    if not size:
        return torch.empty_strided(spec.shape, spec.stride, dtype=dtype)
    return torch.from_numpy(inner).view(dtype).as_strided(spec.shape, spec.stride)


def poison(tensor: torch.Tensor) -> None:
    """Fill a tensor's whole storage with 0xFF: NaN for every float, -1 for integers."""
    storage = tensor.untyped_storage()
    ctypes.memset(storage.data_ptr(), POISON, storage.nbytes())


def clear(tensor: torch.Tensor) -> None:
    """Zero a tensor's storage if it is small; a large one comes zeroed and stays untouched."""
    storage = tensor.untyped_storage()
    if storage.nbytes() <= LARGEST_CLEARED_BYTES:
        ctypes.memset(storage.data_ptr(), 0, storage.nbytes())


def contents(tensor: torch.Tensor) -> TensorData:
    """Return a tensor's elements, shape and dtype."""
    return to_data(tensor)


def input_of(value: Any) -> Any:
    """Return an input of a request as the entry point takes it."""
    if isinstance(value, StridedData):
        return tensor_from(value.spec, value.data)
    if isinstance(value, TensorSpec):
        return tensor_from(value, None)
    return value


def storage_bytes(tensor: torch.Tensor) -> bytes:
    """Return a copy of all bytes of a tensor's storage, gaps included."""
    storage = tensor.untyped_storage()
    return ctypes.string_at(storage.data_ptr(), storage.nbytes())


def _scatter(area: Any, spec: TensorSpec, itemsize: int, data: bytes) -> None:
    """Write packed elements to where the strides want them."""
    needed = int(np.prod(spec.shape, dtype=np.int64)) * itemsize
    if len(data) != needed:
        raise ValueError(f"{spec.dtype} of shape {spec.shape} takes {needed} bytes, got {len(data)}")
    if not needed:
        return
    area[:] = POISON
    word = np.dtype((np.void, itemsize))
    strides = tuple(stride * itemsize for stride in spec.stride)
    target = np.lib.stride_tricks.as_strided(area.view(word), spec.shape, strides)
    target[...] = np.frombuffer(data, dtype=word).reshape(spec.shape)
