"""Triton's interpreter builder with its numerics mended and its memory accesses and arithmetic observed.

`interpreter_builder` of `triton.runtime.interpreter` executes every operation of an interpreted kernel. While
`fitness.interpreter.session` is active that object's class is `Builder`: it widens bfloat16 and 8-bit floats
before computing, rounds float32 operands of a TF32 product, knows the device library's usual functions, and
tells an `Observer` of every access before it happens.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from triton._C.libtriton import ir
from triton.language import core as tl
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle, _get_np_dtype

from fitness.interpreter import numerics
from fitness.interpreter.libdevice import function_of

Array = NDArray[Any]
Mask = NDArray[np.bool_]


NUMPY_DTYPES: dict[str, Any] = {
    name: _get_np_dtype(getattr(tl, name))
    for name in (
        "int1", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16",
        "bfloat16", "float32", "float64", "float8e5", "float8e5b16", "float8e4nv", "float8e4b8",
        "float8e4b15",
    )
}  # fmt: skip
BY_TRITON_NAME = {getattr(tl, name).name: dtype for name, dtype in NUMPY_DTYPES.items()}


class Unsupported(Exception):
    """The interpreter cannot run this operation; a device might."""


class Observer(Protocol):
    """Is told what programs do, before they do it."""

    def access(self, kind: str, addresses: Array, mask: Mask, dtype: Any) -> bool:
        """Take note of a `load`, `store` or `atomic`; return whether it shall be carried out.

        Args:
            kind: `load`, `store` or `atomic`.
            addresses: byte addresses, any shape, unsigned 64-bit.
            mask: which lanes take part, same shape.
            dtype: Triton's element type.
        """

    def compute(self, operation: str, result: Array, floating: bool) -> None:
        """Take note of an elementwise operation, by NumPy's name of it."""

    def multiply(self, left: Array, right: Array, dtype: Any, precision: str) -> bool:
        """Take note of a product of shapes (…, M, K) and (…, K, N); return whether to carry it out."""

    def reduce(self, elements: int, length: int, innermost: bool) -> None:
        """Take note of a reduction or scan.

        Args:
            elements: elements of the block.
            length: how many of them are combined into one.
            innermost: whether they lie along the block's last dimension.
        """


def numpy_dtype(dtype: Any) -> Any:
    """Return how the interpreter keeps values of an element type; pointers as unsigned 64-bit."""
    return BY_TRITON_NAME.get(dtype.name) or _get_np_dtype(dtype)


def is_narrow(dtype: Any) -> bool:
    """Return whether the interpreter keeps this element type as bits that NumPy cannot compute with."""
    return bool(dtype.is_bf16() or dtype.is_fp8())


def widen(handle: TensorHandle) -> Array:
    """Return a handle's values as NumPy can compute with."""
    dtype, data = handle.dtype.scalar, handle.data
    if data.dtype == np.bool_ or not is_narrow(dtype):
        return data  # type: ignore[no-any-return]
    if dtype.is_bf16():
        return numerics.from_bfloat16(data)
    if dtype.name not in numerics.FLOAT8:
        raise Unsupported(f"values of type {dtype.name} cannot be interpreted")
    return numerics.from_float8(data, dtype.name)


def narrow(values: Array, dtype: Any, toward_zero: bool = False) -> TensorHandle:
    """Return values as a handle of an element type, rounded to nearest even unless told otherwise."""
    if values.dtype == np.bool_:
        return TensorHandle(values, tl.int1 if dtype.is_floating() else dtype)
    if dtype.is_bf16():
        convert = numerics.truncate_to_bfloat16 if toward_zero else numerics.to_bfloat16
        return TensorHandle(convert(values), dtype)
    if dtype.is_fp8():
        if dtype.name not in numerics.FLOAT8 or toward_zero:
            raise Unsupported(f"conversion to {dtype.name} cannot be interpreted")
        return TensorHandle(numerics.to_float8(values, dtype.name), dtype)
    return TensorHandle(values.astype(numpy_dtype(dtype), copy=False), dtype)


class Builder(InterpreterBuilder):  # type: ignore[misc]
    """The mended, observed builder; `observer` is set on the instance whose class this becomes."""

    observer: Observer

    def create_masked_load(
        self, ptrs: Any, mask: Any, other: Any, cache_modifier: Any, eviction_policy: Any, is_volatile: Any
    ) -> TensorHandle:
        """Load a block, or zeros where the observer says so."""
        dtype = ptrs.get_element_ty()
        lanes = _lanes(mask, ptrs.data)
        if self.observer.access("load", ptrs.data, lanes, dtype):
            return super().create_masked_load(
                ptrs, TensorHandle(lanes, tl.int1), other, cache_modifier, eviction_policy, is_volatile
            )
        return TensorHandle(np.zeros(ptrs.data.shape, dtype=numpy_dtype(dtype)), dtype)

    def create_masked_store(
        self, ptrs: Any, value: Any, mask: Any, cache_modifier: Any, eviction_policy: Any
    ) -> None:
        """Store a block, unless the observer says not to."""
        lanes = _lanes(mask, ptrs.data)
        if self.observer.access("store", ptrs.data, lanes, ptrs.get_element_ty()):
            super().create_masked_store(
                ptrs, value, TensorHandle(lanes, tl.int1), cache_modifier, eviction_policy
            )

    def create_atomic_rmw(
        self, rmwOp: Any, ptr: Any, val: Any, mask: Any, sem: Any, scope: Any
    ) -> TensorHandle:
        """Read, modify and write a block; zeros are read where the observer says so."""
        lanes = _lanes(mask, ptr.data)
        if not self.observer.access("atomic", ptr.data, lanes, ptr.get_element_ty()):
            return TensorHandle(np.zeros_like(val.data), val.dtype.scalar)
        if is_narrow(val.dtype.scalar):
            raise Unsupported(f"atomics on {val.dtype.scalar.name} cannot be interpreted")
        return super().create_atomic_rmw(rmwOp, ptr, val, TensorHandle(lanes, tl.int1), sem, scope)

    def create_atomic_cas(self, ptr: Any, cmp: Any, val: Any, sem: Any, scope: Any) -> TensorHandle:
        """Compare and swap a block; zeros are read where the observer says so."""
        lanes = np.ones(ptr.data.shape, dtype=bool)
        if not self.observer.access("atomic", ptr.data, lanes, ptr.get_element_ty()):
            return TensorHandle(np.zeros_like(val.data), val.dtype.scalar)
        return super().create_atomic_cas(ptr, cmp, val, sem, scope)

    def cast_impl(self, src: TensorHandle, dst_type: Any) -> TensorHandle:
        """Convert element types; to a narrower float rounds to nearest even."""
        values, target = widen(src), dst_type.scalar
        self.observer.compute("cast", values, True)
        if values.dtype == np.bool_ and not target.is_int1():
            values = values.astype(np.float32 if is_narrow(target) else numpy_dtype(target))
        return narrow(values, target)

    def create_fp_to_fp(self, src: TensorHandle, dst_type: Any, rounding_mode: Any) -> TensorHandle:
        """Convert floats, with the rounding that the kernel asks for."""
        values = widen(src)
        self.observer.compute("cast", values, True)
        toward_zero = rounding_mode == ir.ROUNDING_MODE.RTZ
        if toward_zero and not is_narrow(dst_type.scalar):
            raise Unsupported(f"rounding toward zero to {dst_type.scalar.name} cannot be interpreted")
        return narrow(values, dst_type.scalar, toward_zero)

    def binary_op(self, lhs: TensorHandle, rhs: TensorHandle, op: Any) -> TensorHandle:
        """Compute on two blocks; comparisons give booleans."""
        output = op(widen(lhs), widen(rhs))
        self.observer.compute(op.__name__, output, lhs.dtype.scalar.is_floating())
        return narrow(output, lhs.dtype.scalar)

    def ternary_op(self, lhs: TensorHandle, rhs: TensorHandle, other: TensorHandle, op: Any) -> TensorHandle:
        """Select between, or clamp, blocks."""
        if op is np.where:
            output = np.where(lhs.data, rhs.data, other.data)
            self.observer.compute("where", output, other.dtype.scalar.is_floating())
            return TensorHandle(output.astype(other.data.dtype, copy=False), other.dtype.scalar)
        output = op(widen(lhs), widen(rhs), widen(other))
        self.observer.compute(op.__name__, output, other.dtype.scalar.is_floating())
        return narrow(output, other.dtype.scalar)

    def unary_op(self, arg: TensorHandle, op: Any) -> TensorHandle:
        """Compute on one block."""
        output = op(widen(arg))
        self.observer.compute(op.__name__, output, arg.dtype.scalar.is_floating())
        return narrow(output, arg.dtype.scalar)

    def create_minnumf(self, lhs: TensorHandle, rhs: TensorHandle) -> TensorHandle:
        """Return the smaller; the other one where one is NaN."""
        return self.binary_op(lhs, rhs, np.fmin)

    def create_maxnumf(self, lhs: TensorHandle, rhs: TensorHandle) -> TensorHandle:
        """Return the larger; the other one where one is NaN."""
        return self.binary_op(lhs, rhs, np.fmax)

    def create_fma(self, x: TensorHandle, y: TensorHandle, z: TensorHandle) -> TensorHandle:
        """Return x * y + z."""
        output = widen(x) * widen(y) + widen(z)
        self.observer.compute("multiply", output, z.dtype.scalar.is_floating())
        return narrow(output, z.dtype.scalar)

    def create_rsqrt(self, arg: TensorHandle) -> TensorHandle:
        """Return 1 / sqrt(x)."""
        values = widen(arg)
        self.observer.compute("rsqrt", values, True)
        return narrow((1 / np.sqrt(values)).astype(values.dtype), arg.dtype.scalar)

    def create_erf(self, arg: TensorHandle) -> TensorHandle:
        """Return the error function."""
        self.observer.compute("erf", arg.data, True)
        return narrow(numerics.erf(widen(arg)), arg.dtype.scalar)

    def create_dot(
        self, a: TensorHandle, b: TensorHandle, d: TensorHandle, precision: Any, *_rest: Any
    ) -> TensorHandle:
        """Return a @ b + d, accumulated in d's type; rounds float32 operands where TF32 is asked for."""
        name = getattr(precision, "name", str(precision)).lower()
        if not self.observer.multiply(a.data, b.data, a.dtype.scalar, name):
            return TensorHandle(d.data, d.dtype.scalar)
        left, right = widen(a), widen(b)
        if left.dtype == np.float32 and name == "tf32" and a.dtype.scalar.is_fp32():
            left, right = numerics.to_tf32(left), numerics.to_tf32(right)
        return TensorHandle(numerics.multiply(left, right, d.data), d.dtype.scalar)

    def create_extern_elementwise(
        self, _lib_name: str, _lib_path: str, symbol: str, args: Any, ret_type: Any, _is_pure: bool
    ) -> TensorHandle:
        """Call the device library's function of this name, if it is one that NumPy has."""
        function = function_of(symbol)
        if function is None:
            raise Unsupported(f"the device library's {symbol!r} cannot be interpreted")
        output = function(*(widen(arg) for arg in args))
        self.observer.compute("erf", output, True)
        return TensorHandle(output.astype(numpy_dtype(ret_type.scalar), copy=False), ret_type.scalar)

    def get_bf16(self, value: float) -> TensorHandle:
        """Return a bfloat16 constant."""
        return narrow(np.array([value], dtype=np.float32), tl.bfloat16)


def _lanes(mask: Any, addresses: Array) -> Mask:
    """Return a load's or store's mask as booleans of the addresses' shape."""
    lanes = np.asarray(mask.data if mask is not None else True)
    return (
        lanes
        if lanes.shape == addresses.shape and lanes.dtype == bool
        else np.broadcast_to(lanes.astype(bool), addresses.shape)
    )
