"""Masks that hold everywhere if lengths fit the sizes of blocks."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
import msgspec

from operators.syntax.definitions import Definitions
from operators.syntax.exactness import Block, block_of, range_of, uncast
from operators.syntax.nodes import argument, called
from operators.syntax.values import code_of


class Fit(msgspec.Struct, frozen=True):
    """What must hold of a length for the indices of a block to stay below it.

    Attributes:
        length: the parameter, or the literal, that the indices are compared with.
        size: the constexpr parameter, or the literal, that says how long the block is.
        axis: the axis of the grid that must have `cdiv(length, size)` programs; None where a loop sees to it.
        once: whether there is one block at 0, so that the length need only reach its end.
    """

    length: str
    size: str
    axis: int | None = None
    once: bool = False

    def condition(self, table: str) -> str:
        """Return the condition as source, with parameters taken from a table of that name."""
        length, size = (each if each.isdigit() else f'{table}["{each}"]' for each in (self.length, self.size))
        return f"{length} >= {size}" if self.once else f"{length} % {size} == 0"

    @property
    def literal(self) -> bool:
        """Whether it is about literals alone."""
        return self.length.isdigit() and self.size.isdigit()

    @property
    def always(self) -> bool:
        """Whether the source alone says that it holds."""
        if not self.literal:
            return False
        length, size = int(self.length), int(self.size)
        return length >= size if self.once else size > 0 and length % size == 0


def fits_of(mask: cst.BaseExpression, definitions: Definitions) -> frozenset[Fit] | None:
    """Return what makes a mask of comparisons `indices < length` hold everywhere; None if it is no such."""
    found: set[Fit] = set()
    for comparison in _comparisons(mask, definitions):
        if comparison is None:
            return None
        fits = _of_comparison(comparison, definitions)
        if not fits:
            return None
        found |= fits
    return frozenset(found)


def _comparisons(mask: cst.BaseExpression, definitions: Definitions) -> Iterator[cst.Comparison | None]:
    """Yield the comparisons that a mask is made of by `&`; None for anything else in it."""
    waiting: list[cst.BaseExpression] = [mask]
    seen: set[str] = set()
    while waiting:
        node: cst.BaseExpression = _whole(waiting.pop())
        if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.BitAnd):
            waiting += [node.right, node.left]
        elif isinstance(node, cst.Name) and definitions.only(node.value):
            if node.value not in seen:
                seen.add(node.value)
                waiting += definitions.only(node.value)
        else:
            yield node if isinstance(node, cst.Comparison) else None


def _whole(node: cst.BaseExpression) -> cst.BaseExpression:
    """Return what `[:, None]` and `[None, :]` are put behind."""
    while isinstance(node, cst.Subscript):
        node = node.value
    return node


def _of_comparison(node: cst.Comparison, definitions: Definitions) -> set[Fit]:
    """Return what a comparison needs; empty if it is not `indices < length` in a known form."""
    if len(node.comparisons) != 1 or not isinstance(node.comparisons[0].operator, cst.LessThan):
        return set()
    length, moved = _difference(node.comparisons[0].comparator)
    named = isinstance(length, cst.Name) and not definitions.bound(length.value)
    if not named and not isinstance(length, cst.Integer):
        return set()
    found: set[Fit] = set()
    for block in _blocks(node.left, definitions):
        fit = None if block is None else _fit(block, moved, length, definitions)
        if fit is None:
            return set()
        found.add(fit)
    return found


def _difference(node: cst.BaseExpression) -> tuple[cst.BaseExpression, list[cst.BaseExpression]]:
    """Return what `length - start` says: the length, and what is to be added to the indices instead."""
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Subtract):
        return node.left, [node.right]
    return node, []


def _blocks(node: cst.BaseExpression, definitions: Definitions) -> Iterator[Block | None]:
    node = _whole(node)
    values = definitions.only(node.value) if isinstance(node, cst.Name) else (node,)
    yield from (block_of(value, definitions) for value in values or (node,))


def _fit(
    block: Block, moved: list[cst.BaseExpression], length: cst.BaseExpression, definitions: Definitions
) -> Fit | None:
    long, size = code_of(length), code_of(block.size)
    starts = [*block.starts, *moved]
    if isinstance(block.size, cst.Name) and definitions.bound(size):
        return None
    if not starts:
        return Fit(long, size, once=True)
    if len(starts) != 1:
        return None
    axes = {_axis(each, long, size, definitions) for each in _behind(starts[0], definitions)}
    axis = axes.pop() if len(axes) == 1 else None
    return None if axis is None else Fit(long, size, None if axis < 0 else axis)


def _behind(start: cst.BaseExpression, definitions: Definitions) -> tuple[cst.BaseExpression, ...]:
    start = uncast(start)
    values = definitions.only(start.value) if isinstance(start, cst.Name) else ()
    return tuple(map(uncast, values)) or (start,)


def _axis(start: cst.BaseExpression, length: str, size: str, definitions: Definitions) -> int | None:
    """Return the axis whose programs start at the multiples of a size; -1 for a loop over the blocks."""
    if isinstance(start, cst.Name):
        loops = definitions.only_loops(start.value)
        return -1 if loops and all(_strides(loop, length, size) for loop in loops) else None
    if not (isinstance(start, cst.BinaryOperation) and isinstance(start.operator, cst.Multiply)):
        return None
    sides = [uncast(start.left), uncast(start.right)]
    numbers = [each for each in sides if code_of(each) != size]
    if len(numbers) != 1:
        return None
    number = numbers[0]
    if isinstance(number, cst.Name) and definitions.only_loops(number.value):
        loops = definitions.only_loops(number.value)
        return -1 if all(_counts(loop, length, size) for loop in loops) else None
    programs = {_program(each) for each in _behind(number, definitions)}
    return programs.pop() if len(programs) == 1 else None


def _program(node: cst.BaseExpression) -> int | None:
    axis = (
        argument(node, 0, "axis") if isinstance(node, cst.Call) and called(node) == "tl.program_id" else None
    )
    return axis.evaluated_value if isinstance(axis, cst.Integer) else None


def _strides(loop: cst.For, length: str, size: str) -> bool:
    """Return whether a loop goes over `range(0, length, size)`."""
    given = range_of(loop)
    return given is not None and [code_of(each) for each in given] == ["0", length, size]


def _counts(loop: cst.For, length: str, size: str) -> bool:
    """Return whether a loop goes over `range(tl.cdiv(length, size))`."""
    given = range_of(loop)
    if given is None or [code_of(given[0]), code_of(given[2])] != ["0", "1"]:
        return False
    count = given[1]
    if not isinstance(count, cst.Call) or called(count) not in ("tl.cdiv", "triton.cdiv"):
        return False
    return [code_of(each.value) for each in count.args] == [length, size]
