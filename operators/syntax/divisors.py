"""Sizes that an expression divides by, written out as literals."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from operators.syntax.nodes import argument, called, walk


def divisors(nodes: Iterable[cst.CSTNode], size: int) -> tuple[list[cst.Integer], list[cst.Integer]]:
    """Return the literals that stand in divisions by `size`: those equal to it, and those one less.

    Read are `triton.cdiv(n, 64)`, `n // 64` and what is added for rounding up: `(n + 63) // 64` and
    `(n + 64 - 1) // 64`.
    """
    equal: dict[cst.Integer, None] = {}
    less: dict[cst.Integer, None] = {}
    for node in (inner for outer in nodes for inner in walk(outer)):
        if isinstance(node, cst.Call) and called(node) in ("triton.cdiv", "cdiv"):
            equal.update(dict.fromkeys(_having(argument(node, 1, "y"), size)))
        elif isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.FloorDivide):
            found = _having(node.right, size)
            added = [part for part in walk(node.left) if found and isinstance(part, cst.Integer)]
            equal.update(dict.fromkeys(found))
            equal.update((part, None) for part in added if part.evaluated_value == size)
            less.update((part, None) for part in added if part.evaluated_value == size - 1)
    return list(equal), list(less)


def _having(node: cst.CSTNode | None, value: int) -> list[cst.Integer]:
    return [node] if isinstance(node, cst.Integer) and node.evaluated_value == value else []
