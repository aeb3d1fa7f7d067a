"""Packs a launch's arguments as Triton's compiled kernels take them.

A kernel takes its run-time parameters in order (constants and specialised ones are compiled in), then two
pointers that Triton 3.6 and 3.7 append for both vendors: global scratch and profiler scratch, null here,
since binaries that ask for scratch are refused.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

from fitness.plan import Argument, View

HIDDEN_POINTERS = 2
INTEGERS = {
    "i1": ctypes.c_int8, "i8": ctypes.c_int8, "i16": ctypes.c_int16, "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
}  # fmt: skip
FLOATS: dict[str, Callable[[float], Any]] = {
    "f16": lambda value: ctypes.c_uint16(_bits("<e", "<H", value)),
    # Triton's own launchers cut a bfloat16 off, they do not round it.
    "bf16": lambda value: ctypes.c_uint16(_bits("<f", "<I", value) >> 16),
    "f32": ctypes.c_float,
    "f64": ctypes.c_double,
}


def packed_values(
    parameters: Sequence[str], arguments: Sequence[Argument], address: Callable[[View], int]
) -> list[Any]:
    """Return one ctypes value a parameter of the binary, hidden ones too.

    Args:
        parameters: types as Triton IR names them.
        arguments: one a parameter.
        address: where a view starts on the device.

    Raises:
        ValueError: the arguments do not fit the parameters.
    """
    if len(parameters) != len(arguments):
        raise ValueError(f"the binary takes {len(parameters)} arguments, the launch gives {len(arguments)}")
    pairs = zip(parameters, arguments, strict=True)
    values = [_packed(kind, argument, address) for kind, argument in pairs]
    return values + [ctypes.c_uint64(0) for _ in range(HIDDEN_POINTERS)]


def _packed(kind: str, argument: Argument, address: Callable[[View], int]) -> Any:
    """Return one argument as a ctypes value.

    Raises:
        ValueError: it does not fit the parameter's type.
    """
    if kind.startswith("!tt.ptr"):
        if not isinstance(argument, View):
            raise ValueError(f"{kind} takes a view of a buffer, got {argument!r}")
        return ctypes.c_uint64(address(argument))
    if isinstance(argument, View) or argument is None:
        raise ValueError(f"{kind} takes a number, got {argument!r}")
    if kind in INTEGERS:
        if isinstance(argument, float):
            raise ValueError(f"{kind} takes a whole number, got {argument!r}")
        bits = 8 * ctypes.sizeof(INTEGERS[kind])
        if not -(2 ** (bits - 1)) <= argument < 2**bits:
            raise ValueError(f"{kind} does not hold {argument!r}")
        return INTEGERS[kind](int(argument))
    if kind in FLOATS:
        return FLOATS[kind](float(argument))
    raise ValueError(f"parameters are pointers, integers or floats, got {kind}")


def _bits(kind: str, word: str, value: float) -> int:
    """Return a float's bits; what the format does not hold becomes infinite, as in C."""
    try:
        told = struct.pack(kind, value)
    except OverflowError:
        told = struct.pack(kind, float("inf") if value > 0 else float("-inf"))
    (bits,) = struct.unpack(word, told)
    return int(bits)
