"""Hints of a kernel to the compiler, checked against the values that they are given.

A compiler believes them, so that a false one is wrong on a device at best where lanes are masked off. The
interpreter has no use for them. `tl.assume` it checks by itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from triton.runtime.interpreter import TensorHandle

from fitness.host import replaced

Fits = Callable[[NDArray[Any], int, int], bool]


class FalseHint(AssertionError):
    """A kernel told the compiler what is not so."""


@contextlib.contextmanager
def held_to() -> Iterator[None]:
    """Have false hints raise `FalseHint`: `tl.multiple_of`, `tl.max_contiguous` and `tl.max_constancy`."""
    with replaced(TensorHandle, "set_attr", _checked):
        yield


def _checked(handle: TensorHandle, key: str, values: Sequence[int]) -> None:
    """Take note of a hint, as the interpreter does, if it holds; of addresses nothing is looked at."""
    name, fits = HINTS[key]
    data = handle.data
    if handle.dtype.is_int() and data.size:
        for axis, value in enumerate(values if data.ndim else ()):
            if not fits(data, axis, value):
                raise FalseHint(
                    f"tl.{name} says {value} along axis {axis}, which does not hold of {_shown(data)}"
                )
    handle.attr[key] = values


def _shown(data: NDArray[Any]) -> str:
    few = ", ".join(str(each) for each in data.ravel()[:4])
    return f"[{few}{', …' if data.size > 4 else ''}]"


def _is_multiple(data: NDArray[Any], axis: int, value: int) -> bool:
    """Return whether the block starts at a multiple: of further values the hint says nothing by itself."""
    return value > 0 and not np.any(np.take(data, 0, axis=axis) % value)


def _is_contiguous(data: NDArray[Any], axis: int, value: int) -> bool:
    return _steps(data, axis, value, 1)


def _is_constant(data: NDArray[Any], axis: int, value: int) -> bool:
    return _steps(data, axis, value, 0)


def _steps(data: NDArray[Any], axis: int, value: int, step: int) -> bool:
    """Return whether values grow by this step, but for those that a group of so many begins with."""
    differences = np.moveaxis(np.diff(data, axis=axis), axis, -1)
    inside = (np.arange(differences.shape[-1]) + 1) % max(1, value) != 0
    return bool(np.all(differences[..., inside] == step))


HINTS: dict[str, tuple[str, Fits]] = {
    "tt.divisibility": ("multiple_of", _is_multiple),
    "tt.contiguity": ("max_contiguous", _is_contiguous),
    "tt.constancy": ("max_constancy", _is_constant),
}
