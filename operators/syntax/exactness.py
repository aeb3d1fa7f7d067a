"""What the source of a kernel proves of its indices, whatever the inputs are."""

from __future__ import annotations

import libcst as cst
import msgspec

from operators.syntax.definitions import Definitions
from operators.syntax.nodes import argument, called
from operators.syntax.proofs import Proof
from operators.syntax.values import code_of

_INTEGERS = ("tl.int32", "tl.int64", "tl.uint32", "tl.uint64")
MOST_TERMS = 16  # in a sum of indices; no one writes more
_RANGES = ("range", "tl.range", "tl.static_range")


class Block(msgspec.Struct, frozen=True, eq=False):
    """A block of consecutive indices, `start + tl.arange(0, size)`.

    Attributes:
        size: how many there are: a constexpr or a literal.
        starts: the terms that are added to the `tl.arange`; none of them is a block.
    """

    size: cst.BaseExpression
    starts: tuple[cst.BaseExpression, ...]


def block_of(expression: cst.CSTNode, definitions: Definitions) -> Block | None:
    """Return a sum as a block of indices, if exactly one of its terms is `tl.arange(0, size)`."""
    terms = _terms(expression)
    if len(terms) > MOST_TERMS:
        return None
    ranges = [each for each in terms if called(each) == "tl.arange"]
    if len(ranges) != 1 or not isinstance(ranges[0], cst.Call):
        return None
    start, size = argument(ranges[0], 0, "start"), argument(ranges[0], 1, "end")
    if not (isinstance(start, cst.Integer) and start.evaluated_value == 0):
        return None
    if not isinstance(size, cst.Name | cst.Integer):
        return None
    starts = tuple(each for each in terms if each is not ranges[0])
    whole = all(is_scalar(each, definitions) for each in starts)
    return Block(size, starts) if whole else None


def _terms(expression: cst.CSTNode) -> list[cst.BaseExpression]:
    if isinstance(expression, cst.BinaryOperation) and isinstance(expression.operator, cst.Add):
        return [*_terms(expression.left), *_terms(expression.right)]
    return [expression] if isinstance(expression, cst.BaseExpression) else []


def uncast(expression: cst.BaseExpression) -> cst.BaseExpression:
    """Return what a cast such as `.to(tl.int64)` casts, however many of them there are."""
    while (
        isinstance(expression, cst.Call)
        and isinstance(expression.func, cst.Attribute)
        and expression.func.attr.value == "to"
        and len(expression.args) == 1
        and code_of(expression.args[0].value) in _INTEGERS
    ):
        expression = expression.func.value
    return expression


def is_scalar(expression: cst.BaseExpression, definitions: Definitions) -> bool:
    """Return whether an expression is made of program ids, loop variables and integers alone."""
    return _Scalar(definitions).holds(expression)


def is_multiple(expression: cst.BaseExpression, size: cst.BaseExpression, definitions: Definitions) -> bool:
    """Return whether a scalar is a multiple of a size, a power of two, whatever the inputs are.

    Products that overflow stay multiples of a power of two.
    """
    return _Multiple(size, definitions).holds(expression)


class _Scalar(Proof):
    def of_expression(self, expression: cst.BaseExpression) -> bool:
        """Return whether what is no name is a scalar."""
        expression = uncast(expression)
        if isinstance(expression, cst.BinaryOperation):
            arithmetic = (cst.Add, cst.Subtract, cst.Multiply, cst.FloorDivide, cst.Modulo)
            sides = (expression.left, expression.right)
            return isinstance(expression.operator, arithmetic) and all(map(self.holds, sides))
        if isinstance(expression, cst.Call):
            known = called(expression) in ("tl.program_id", "tl.num_programs", "tl.cdiv", "triton.cdiv")
            return known and all(self.holds(each.value) for each in expression.args)
        return isinstance(expression, cst.Integer)

    def of_loop(self, loop: cst.For) -> bool:
        """Return whether a loop goes over a range."""
        return called(loop.iter) in _RANGES

    def of_free_name(self, name: str) -> bool:
        """Return whether a name that the function does not bind is no block."""
        return name not in self.definitions.blocks


class _Multiple(Proof):
    def __init__(self, size: cst.BaseExpression, definitions: Definitions) -> None:
        super().__init__(definitions)
        self._size = size

    def of_expression(self, expression: cst.BaseExpression) -> bool:
        """Return whether what is no name is a multiple."""
        expression = uncast(expression)
        if isinstance(expression, cst.Name):
            return self.holds(expression)
        if isinstance(expression, cst.Integer):
            value, size = expression.evaluated_value, self._size
            literal = size.evaluated_value if isinstance(size, cst.Integer) else 0
            return value == 0 or (literal > 0 and value % literal == 0)
        if not isinstance(expression, cst.BinaryOperation):
            return False
        sides = [self.holds(side) for side in (expression.left, expression.right)]
        if isinstance(expression.operator, cst.Multiply):
            return any(sides) and is_scalar(expression, self.definitions)
        return isinstance(expression.operator, cst.Add | cst.Subtract) and all(sides)

    def of_loop(self, loop: cst.For) -> bool:
        """Return whether a loop counts from a multiple of the size in steps that are multiples of it."""
        given = range_of(loop)
        return given is not None and self.holds(given[0]) and self.holds(given[2])

    def of_free_name(self, name: str) -> bool:
        """Return whether a name that the function does not bind is the size itself."""
        return isinstance(self._size, cst.Name) and name == self._size.value


def range_of(
    loop: cst.For,
) -> tuple[cst.BaseExpression, cst.BaseExpression, cst.BaseExpression] | None:
    """Return the start, the end and the step of the range that a loop goes over."""
    if not isinstance(loop.iter, cst.Call) or called(loop.iter) not in _RANGES:
        return None
    given = [each.value for each in loop.iter.args if each.keyword is None and not each.star]
    zero, one = cst.Integer("0"), cst.Integer("1")
    match given:
        case [end]:
            return zero, end, one
        case [start, end]:
            return start, end, one
        case [start, end, step]:
            return start, end, step
    return None
