"""Number formats that Triton's interpreter keeps as raw bits, and roundings that it leaves out. NumPy only.

The interpreter holds bfloat16 as uint16 and computes on the bits; it truncates where a GPU rounds to nearest
even. These functions widen to float32 and round back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]


def from_bfloat16(bits: Array) -> NDArray[np.float32]:
    """Return the float32 values of bfloat16 bits (uint16, any shape); exact."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bfloat16(values: Array) -> NDArray[np.uint16]:
    """Return bfloat16 bits of values (any shape), rounded to nearest even; NaN stays NaN."""
    wide = np.ascontiguousarray(values, dtype=np.float32)
    bits = wide.view(np.uint32)
    rounded = ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(
        np.uint16
    )
    nan = np.isnan(wide)
    if nan.any():
        rounded[nan] = 0x7FC0
    return rounded.reshape(np.shape(values))


def truncate_to_bfloat16(values: Array) -> NDArray[np.uint16]:
    """Return bfloat16 bits of values (any shape), rounded toward zero."""
    wide = np.ascontiguousarray(values, dtype=np.float32)
    return (wide.view(np.uint32) >> np.uint32(16)).astype(np.uint16).reshape(np.shape(values))


def to_tf32(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 values with ten bits of mantissa, ties rounded away from zero (`cvt.rna.tf32`)."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    finite = np.isfinite(values)
    rounded = ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)
    return np.where(finite, rounded, values)


FLOAT8 = {
    "fp8e4nv": torch.float8_e4m3fn,
    "fp8e5": torch.float8_e5m2,
    "fp8e4b8": torch.float8_e4m3fnuz,
    "fp8e5b16": torch.float8_e5m2fnuz,
}


def from_float8(bits: Array, name: str) -> NDArray[np.float32]:
    """Return the float32 values of 8-bit floats (uint8, any shape) of a format that Triton names; exact."""
    packed = torch.from_numpy(np.ascontiguousarray(bits, dtype=np.uint8))
    wide: NDArray[np.float32] = packed.view(FLOAT8[name]).to(torch.float32).numpy()
    return wide.reshape(np.shape(bits))


def to_float8(values: Array, name: str) -> NDArray[np.uint8]:
    """Return 8-bit floats (as uint8) of values, rounded to nearest even."""
    wide = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
    packed: NDArray[np.uint8] = wide.to(FLOAT8[name]).view(torch.uint8).numpy()
    return packed.reshape(np.shape(values))


def multiply(left: Array, right: Array, added: Array) -> Array:
    """Return left @ right + added in the accumulator's dtype; sums are float32 at least, integers exact.

    Args:
        left, right: shapes (…, M, K) and (…, K, N), both widened already.
        added: shape (…, M, N).
    """
    if added.dtype.kind in "iu":
        whole: Array = np.matmul(left.astype(np.float64), right.astype(np.float64)).astype(np.int64)
        return (whole + added).astype(added.dtype)
    wide = np.float64 if added.dtype == np.float64 else np.float32
    product: Array = np.matmul(left.astype(wide, copy=False), right.astype(wide, copy=False))
    return (product + added).astype(added.dtype)


def erf(values: Array) -> Array:
    """Return the error function of float32 or float64 values, same dtype and shape."""
    result: Array = torch.erf(torch.from_numpy(np.ascontiguousarray(values))).numpy()
    return result.reshape(np.shape(values))
