"""A number of programs along an axis of the grid, as the host and the kernel know it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from operators.syntax.grids import Grid
from operators.syntax.kernel_module import JitFunction
from operators.syntax.nodes import fresh_name, names_in
from operators.syntax.parameters import parameter_given

_WORD = re.compile(r"\w+(\[\d\])?")


class Count(msgspec.Struct, frozen=True, eq=False):
    """The programs along one axis, which each launch tells the kernel.

    Attributes:
        parameter: the kernel's name of it.
        known: whether the kernel had that parameter already.
        host: the host's word of it at each launch.
        lines: what the host must say before each launch; nothing where there was a word for it.
    """

    parameter: str
    known: bool
    host: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def count_along(axis: int, function: JitFunction, grids: Sequence[Grid], word: str) -> Count:
    """Return the count along an axis, under a new name like `word` where kernel or host have none."""
    codes = [grid.counts[axis] for grid in grids]
    known = parameter_given(function, list(zip(grids, codes, strict=True)))
    host, lines = [], []
    for grid, code in zip(grids, codes, strict=True):
        own = fresh_name(word, names_in(grid.launch.host))
        has_word = _WORD.fullmatch(code) is not None
        host.append(code if has_word else own)
        lines.append(() if has_word else (f"{own} = {code}",))
    parameter = known or fresh_name(word, names_in(function.node))
    return Count(parameter=parameter, known=known is not None, host=tuple(host), lines=tuple(lines))
