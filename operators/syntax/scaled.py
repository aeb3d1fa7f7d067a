"""Values that carry one scale factor through a kernel, up to exponentials of their differences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeGuard

import libcst as cst
import msgspec

from operators.syntax.nodes import called, children, names_in, walk
from operators.syntax.values import code_of

_MAXIMA = ("tl.max", "tl.maximum", "max")
_EXPONENTIALS = ("tl.exp", "tl.math.exp")
_INFINITIES = ('float("-inf")', "float('-inf')", '-float("inf")', "-float('inf')")


class ScaledValues(msgspec.Struct, frozen=True, eq=False):
    """A factor whose product reaches nothing but exponentials of differences.

    Attributes:
        name: what first holds the product.
        factor: the factor: a literal or a name.
        exponentials: the calls that take the differences.
    """

    name: str
    factor: cst.BaseExpression
    exponentials: tuple[cst.Call, ...]


class _Line(msgspec.Struct, frozen=True, eq=False):
    """A simple statement, or what a loop or branch is headed by, and the names in it."""

    node: cst.CSTNode
    names: frozenset[str]


def scaled_values(function: cst.FunctionDef) -> Iterator[ScaledValues]:
    """Yield each factor of a product `name = ... * factor` that exponentials alone come to see.

    Between the product and the exponentials may stand maxima, choices between such values and -inf, and
    added or dropped axes: all of them are as right for any positive multiple of the values.
    """
    lines = _lines(function)
    given = {each.name.value for each in walk(function.params) if isinstance(each, cst.Param)}
    assigned = {name for line in lines for name, _ in _assigned(line.node)} - given
    if not any(_is_exponential(node) for node in walk(function.body)):
        return
    for line in lines:
        for name, value in _assigned(line.node):
            for product in _products(value):
                exponentials = _Reach(lines, assigned, product).exponentials_of(name)
                if exponentials:
                    yield ScaledValues(name, product.right, exponentials)


def _lines(function: cst.FunctionDef) -> tuple[_Line, ...]:
    """Return a function's simple statements, and what its loops and branches are headed by."""
    found: list[cst.CSTNode] = []
    for node in walk(function.body):
        match node:
            case cst.For():
                found += [node.target, node.iter]
            case cst.While() | cst.If():
                found.append(node.test)
            case cst.With():
                found += node.items
            case cst.BaseSmallStatement():
                found.append(node)
    return tuple(_Line(node, frozenset(names_in(node))) for node in found)


def _products(value: cst.BaseExpression) -> Iterator[cst.BinaryOperation]:
    """Yield the product that a value is, or chooses by `tl.where`."""
    if isinstance(value, cst.Call) and called(value) == "tl.where" and len(value.args) == 3:
        yield from _products(value.args[1].value)
    elif (
        isinstance(value, cst.BinaryOperation)
        and isinstance(value.operator, cst.Multiply)
        and isinstance(value.right, cst.Name | cst.Float)
    ):
        yield value


class _Reach:
    """Follows a product: names that may hold it join first, then every statement about them is looked at."""

    def __init__(self, lines: Sequence[_Line], assigned: set[str], product: cst.BinaryOperation) -> None:
        self._lines = lines
        self._assigned = assigned
        self._product = product
        self._names: set[str] = set()
        self._exponentials: list[cst.Call] = []

    def exponentials_of(self, name: str) -> tuple[cst.Call, ...]:
        """Return the exponentials that a name's value reaches, or nothing if it reaches anything else."""
        self._names = {name}
        while joined := {n for line in self._lines if line.names & self._names for n in self._beside(line)}:
            self._names |= joined
        self._exponentials = []
        lines = [line.node for line in self._lines if line.names & self._names]
        held = self._names <= self._assigned and all(map(self._is_held, lines))
        return tuple(self._exponentials) if held else ()

    def _beside(self, line: _Line) -> set[str]:
        """Return names that must be scaled too, for a statement about scaled names to be held."""
        found: set[str] = set()
        for target, value in _assigned(line.node):
            operands = self._operands(value)
            if operands and (target in self._names or operands & self._names):
                found |= operands | {target}
        for node in walk(line.node):
            if _is_exponential(node):
                operands = self._difference(node.args[0].value) or set()
                found |= operands if operands & self._names else set()
        return found - self._names

    def _is_held(self, line: cst.CSTNode) -> bool:
        """Return whether a statement hands scaled values to nothing but scaled names and exponentials."""
        for target, value in _assigned(line):
            if target in self._names:
                return value is self._product or _is_floor(value) or self._is_scaled(value)
        return self._only_in_exponentials(line)

    def _is_scaled(self, value: cst.BaseExpression) -> bool:
        operands = self._operands(value)
        return operands is not None and operands <= self._names

    def _only_in_exponentials(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Name):
            return node.value not in self._names
        if isinstance(node, cst.Attribute | cst.Arg):
            return self._only_in_exponentials(node.value)
        if _is_exponential(node):
            operands = self._difference(node.args[0].value)
            if operands and operands <= self._names:
                self._exponentials.append(node)
                return True
        return all(map(self._only_in_exponentials, children(node)))

    def _difference(self, value: cst.BaseExpression) -> set[str] | None:
        """Return the names behind both sides of a difference of values that may be scaled."""
        if not (isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Subtract)):
            return None
        left, right = self._operands(value.left), self._operands(value.right)
        return left | right if left and right else None

    def _operands(self, value: cst.BaseExpression) -> set[str] | None:
        """Return the names that must hold scaled values for an expression to be one; None if it cannot."""
        if value is self._product:
            return None if names_in(value) & self._names else set()
        match value:
            case cst.Name(value=name):
                return {name}
            case cst.Subscript(value=inner):
                return self._operands(inner)
            case cst.Call(args=[first, *_]) if called(value) == "tl.max":
                return self._operands(first.value)
            case cst.Call(args=args) if called(value) in _MAXIMA and args:
                return self._all([each.value for each in args if each.keyword is None])
            case cst.Call(args=[condition, one, other]) if called(value) == "tl.where":
                if names_in(condition) & self._names:
                    return None
                return self._all([each.value for each in (one, other) if not _is_floor(each.value)])
        return None

    def _all(self, values: Sequence[cst.BaseExpression]) -> set[str] | None:
        found = [self._operands(value) for value in values]
        return None if None in found else set().union(*(each for each in found if each is not None))


def _is_exponential(node: cst.CSTNode) -> TypeGuard[cst.Call]:
    return isinstance(node, cst.Call) and called(node) in _EXPONENTIALS and len(node.args) == 1


def _assigned(line: cst.CSTNode) -> Iterator[tuple[str, cst.BaseExpression]]:
    match line:
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
            yield name, value


def _is_floor(value: cst.BaseExpression) -> bool:
    """Return whether a value is -inf, or a block of it."""
    if isinstance(value, cst.Call) and called(value) == "tl.full" and len(value.args) >= 2:
        return _is_floor(value.args[1].value)
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Subtract):
        return called(value.left) == "tl.zeros" and code_of(value.right) in (
            'float("inf")',
            "float('inf')",
        )
    return code_of(value) in _INFINITIES
