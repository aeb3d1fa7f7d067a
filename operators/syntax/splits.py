"""Where a kernel splits the number of its program into a row and a column of tiles."""

from __future__ import annotations

import libcst as cst
import msgspec

from operators.syntax.kernel_module import JitFunction
from operators.syntax.nodes import names_in, walk
from operators.syntax.programs import axis_of
from operators.syntax.values import code_of, is_pure


class Split(msgspec.Struct, frozen=True, eq=False):
    """The lines `quotient = pid // divisor` and `rest = pid % divisor` of a kernel.

    Attributes:
        quotient, rest: the names that they assign.
        divisor: what they divide by.
        end: the number of the kernel's statements up to the later line.
    """

    quotient: str
    rest: str
    divisor: str
    end: int


def split_of(function: JitFunction) -> Split | None:
    """Return how a kernel splits the place of its program, if it does nothing else with it."""
    numbers: list[str] = []
    found: dict[type[cst.BaseBinaryOp], tuple[str, str, int]] = {}
    for at, statement in enumerate(function.node.body.body):
        name, value = _assigned(statement)
        if value is None:
            continue
        if axis_of(value) == 0:
            numbers.append(name)
        elif (
            isinstance(value, cst.BinaryOperation) and _is_place(value.left, numbers) and is_pure(value.right)
        ):
            found.setdefault(type(value.operator), (name, _divisor(value.right), at))
    if found.keys() != {cst.FloorDivide, cst.Modulo}:
        return None
    (quotient, by, first), (rest, also_by, second) = found[cst.FloorDivide], found[cst.Modulo]
    names = [n.value for n in walk(function.node.body) if isinstance(n, cst.Name)]
    places = sum(axis_of(node) is not None for node in walk(function.node))
    once = all(_bindings(name, function) == 1 for name in (quotient, rest, *numbers))
    used = sum(names.count(name) for name in numbers) == 3 * len(numbers) and places == (1 if numbers else 2)
    if by != also_by or not once or not used or len(numbers) > 1:
        return None
    return Split(quotient=quotient, rest=rest, divisor=by, end=max(first, second) + 1)


def _assigned(statement: cst.CSTNode) -> tuple[str, cst.BaseExpression | None]:
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value)]
        ):
            return name, value
    return "", None


def _is_place(node: cst.BaseExpression, numbers: list[str]) -> bool:
    return axis_of(node) == 0 or (isinstance(node, cst.Name) and node.value in numbers)


def _divisor(node: cst.BaseExpression) -> str:
    code = code_of(node)
    return code if isinstance(node, cst.Name | cst.Integer | cst.Call) or node.lpar else f"({code})"


def _bindings(name: str, function: JitFunction) -> int:
    targets = (cst.AssignTarget, cst.AugAssign, cst.AnnAssign, cst.For, cst.NamedExpr)
    return sum(isinstance(n, targets) and name in names_in(n.target) for n in walk(function.node.body))
