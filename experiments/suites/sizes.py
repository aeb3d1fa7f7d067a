"""Arithmetic over a workload's sizes, as task files write it: `2 * rows * cols * itemsize`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}
LARGEST = 2**63 - 1
LONGEST_SHOWN = 100


def evaluate(expression: str, sizes: Mapping[str, int]) -> int:
    """Return the value of an expression of whole numbers, size names, `+ - * //` and parentheses.

    Raises:
        ValueError: anything else in the expression, a name that is no size, or a result that does not fit
            63 bits.
    """
    shown = _cut(expression)
    try:
        value = _value(ast.parse(expression.strip(), mode="eval").body, sizes)
    except (SyntaxError, ZeroDivisionError, RecursionError, MemoryError) as error:
        raise ValueError(f"not an expression over sizes: {shown!r} ({error})") from None
    if not 0 <= value <= LARGEST:
        got = value if abs(value) < 2**200 else "more digits than can be shown"
        raise ValueError(f"an expression over sizes must give 0 to 2**63 - 1, got {got} from {shown!r}")
    return value


def _value(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return number
        case ast.Name(id=name) if name in sizes:
            return sizes[name]
        case ast.Name(id=name):
            raise ValueError(f"{_cut(name)!r} is not one of the sizes {', '.join(sorted(sizes))}")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return OPERATIONS[type(op)](_value(left, sizes), _value(right, sizes))
    found = _cut(ast.unparse(node))
    raise ValueError(f"only whole numbers, sizes, + - * // and parentheses count, got {found!r}")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
