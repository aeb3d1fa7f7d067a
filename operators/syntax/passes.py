"""Passes over a row that do one thing: find its maximum, or sum the exponentials less the maximum."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
import msgspec

from operators.syntax.nodes import bound_names, called, names_in, walk
from operators.syntax.row_loops import RowLoop
from operators.syntax.values import is_pure_call

_EXPONENTIALS = ("tl.exp", "tl.exp2", "tl.math.exp", "tl.math.exp2")
_MAXIMA = ("tl.maximum", "max")


class MaximumPass(msgspec.Struct, frozen=True, eq=False):
    """A loop that does nothing but find the maximum of a row.

    Attributes:
        loop: the loop.
        name: what holds the maximum so far.
        update: the statement that raises it.
    """

    loop: RowLoop
    name: str
    update: cst.SimpleStatementLine


class SumPass(msgspec.Struct, frozen=True, eq=False):
    """A loop that does nothing but sum exponentials less the maximum.

    Attributes:
        loop: the loop.
        name: what holds the sum so far.
        update: the statement that adds to it.
        term: what it adds.
        exponential: the exponential in what it adds, or behind a name in it.
        shift: `x - maximum` in the exponential's argument.
    """

    loop: RowLoop
    name: str
    update: cst.SimpleStatementLine
    term: cst.BaseExpression
    exponential: cst.Call
    shift: cst.BinaryOperation


def maximum_pass(loop: RowLoop) -> MaximumPass | None:
    """Return a loop as `name = tl.maximum(name, tl.max(...))` with what that needs, or None."""
    for statement in loop.body:
        name, value = assigned_by(statement)
        if isinstance(value, cst.Call) and called(value) in _MAXIMA and len(value.args) == 2:
            parts = [each.value for each in value.args]
            own = [part for part in parts if isinstance(part, cst.Name) and part.value == name]
            new = [part for part in parts if called(part) == "tl.max"]
            if len(own) == 1 and len(new) == 1 and _count(name, loop.body) == 2 and _carries(loop, name):
                return MaximumPass(loop=loop, name=name, update=statement)
    return None


def sum_pass(loop: RowLoop, maximum: MaximumPass) -> SumPass | None:
    """Return a loop as `name += tl.sum(tl.exp(x - maximum))` with what that needs, or None."""
    for statement in loop.body:
        name, term = _added(statement)
        if not (isinstance(term, cst.Call) and called(term) == "tl.sum" and term.args):
            continue
        exponential = _exponential(term.args[0].value, loop)
        if exponential is None or _count(maximum.name, loop.body) != 1:
            continue
        shift, factor = _argument(exponential, maximum.name)
        varying = bound_names(loop.node) | bound_names(maximum.loop.node)
        if shift is None or (factor is not None and names_in(factor) & varying):
            continue
        mentions = 1 if isinstance(statement.body[0], cst.AugAssign) else 2
        if _count(name, loop.body) == mentions and _carries(loop, name):
            return SumPass(loop, name, statement, term, exponential, shift)
    return None


def assigned_by(statement: cst.SimpleStatementLine) -> tuple[str, cst.BaseExpression | None]:
    """Return what a statement assigns to which name; an empty name if it is no plain assignment."""
    match statement.body:
        case [cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]:
            return name, value
    return "", None


def _added(statement: cst.SimpleStatementLine) -> tuple[str, cst.BaseExpression | None]:
    """Return what a statement adds to which name: `s += term` or `s = s + term`."""
    match statement.body:
        case [cst.AugAssign(target=cst.Name(value=name), operator=cst.AddAssign(), value=value)]:
            return name, value
    match assigned_by(statement):
        case name, cst.BinaryOperation(left=cst.Name(value=left), operator=cst.Add(), right=right) if (
            name == left
        ):
            return name, right
    return "", None


def _exponential(value: cst.BaseExpression, loop: RowLoop) -> cst.Call | None:
    """Follow what is summed, through local names and `tl.where(mask, ..., 0)`, to the exponential."""
    for _ in range(len(loop.body) + 2):
        if isinstance(value, cst.Name):
            values = [v for n, v in map(assigned_by, loop.body) if n == value.value and v is not None]
            if len(values) != 1:
                return None
            value = values[0]
        elif isinstance(value, cst.Call) and called(value) == "tl.where" and len(value.args) == 3:
            if not is_zero(value.args[2].value):
                return None
            value = value.args[1].value
        else:
            break
    plain = isinstance(value, cst.Call) and called(value) in _EXPONENTIALS and len(value.args) == 1
    return value if plain and isinstance(value, cst.Call) else None


def _argument(
    exponential: cst.Call, maximum: str
) -> tuple[cst.BinaryOperation | None, cst.BaseExpression | None]:
    """Return `x - maximum` in the exponential's argument, and the factor that it may be scaled by."""
    value, factor = exponential.args[0].value, None
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Multiply):
        first = maximum in names_in(value.left)
        value, factor = (value.left, value.right) if first else (value.right, value.left)
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Subtract):
        right = value.right
        return (value if isinstance(right, cst.Name) and right.value == maximum else None), factor
    return None, factor


def is_zero(node: cst.CSTNode | None) -> bool:
    """Return whether an expression is the literal 0 or 0.0."""
    return isinstance(node, cst.Integer | cst.Float) and node.evaluated_value == 0


def _count(name: str, statements: Sequence[cst.CSTNode]) -> int:
    return sum(isinstance(n, cst.Name) and n.value == name for s in statements for n in walk(s))


def _carries(loop: RowLoop, name: str) -> bool:
    """Return whether a loop writes no memory and hands only one name from an iteration to the next."""
    calls = [node for s in loop.body for node in walk(s) if isinstance(node, cst.Call)]
    if not all(is_pure_call(call) or called(call) == "tl.load" for call in calls):
        return False
    plain = all(assigned_by(s)[0] or _added(s)[0] == name for s in loop.body)
    return plain and not (outside_of(loop) & bound_names(loop.node) - {name})


def outside_of(loop: RowLoop) -> set[str]:
    """Return the names that an iteration reads before it has assigned them."""
    known, outside = {loop.variable}, set[str]()
    for statement in loop.body:
        name, value = assigned_by(statement)
        outside |= names_in(statement if value is None else value) - known
        known.add(name)
    return outside
