"""Divisions as products: by a constant, by what is the same for many, by a square root.

Triton divides float16 in float32 but multiplies it as it is, so that a variant may be too coarse there, or
its type not what a function takes; the evaluator then says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.edits import Change
from operators.syntax.kernel_module import JitFunction, read_module
from operators.syntax.nodes import called, walk
from operators.syntax.values import code_of

_ROOTS = {"tl.sqrt": "tl.rsqrt", "tl.math.sqrt": "tl.math.rsqrt"}


class Reciprocal:
    """The family `reciprocal`."""

    name = "reciprocal"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel and divisor the products by its reciprocal, and all divisors at once."""
        return [
            variant
            for function in read_module(module).functions.values()
            for variant in _of(function, module)
        ]


def _of(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    found: dict[str, dict[cst.CSTNode, Change]] = {}
    for node in walk(function.node.body):
        change = _change(node)
        if change is not None:
            found.setdefault(_divisor(node), {})[node] = change
    if len(found) > 1:
        edits = {node: change for changes in found.values() for node, change in changes.items()}
        yield Variant(f"{function.name} / -> * for every divisor", module, edits)
    for divisor, changes in found.items():
        yield Variant(f"{function.name} / {divisor} -> *", module, changes)


def _divisor(node: cst.CSTNode) -> str:
    right = (
        node.value if isinstance(node, cst.AugAssign) else cst.ensure_type(node, cst.BinaryOperation).right
    )
    return " ".join(code_of(right).split())


def _change(node: cst.CSTNode) -> Change | None:
    """Return the change of a division into a product, or None if it is none or would stay one."""
    if isinstance(node, cst.AugAssign) and isinstance(node.operator, cst.DivideAssign):
        return None if _factor(node.value) is None else _augmented
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide):
        if _is_one(node.left):
            return _root if _is_root(node.right) else None
        return None if _factor(node.right) is None else _product
    return None


def _is_one(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Integer | cst.Float) and node.evaluated_value == 1


def _is_root(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.Call) and called(node) in _ROOTS and len(node.args) == 1


def _factor(divisor: cst.BaseExpression) -> cst.BaseExpression | None:
    """Return what to multiply by instead of dividing; None for a literal that has no reciprocal."""
    if isinstance(divisor, cst.Integer | cst.Float):
        value = divisor.evaluated_value
        tiny = not 2.0**-126 <= abs(value) <= 2.0**126  # its reciprocal is no normal float32
        return None if tiny else cst.Float(repr(1 / value))
    if _is_root(divisor):
        return _inverse_root(cst.ensure_type(divisor, cst.Call))
    one_over = f"(1.0 / {code_of(divisor)})"
    return cst.parse_expression(one_over)


def _inverse_root(call: cst.Call) -> cst.Call:
    return call.with_changes(func=cst.parse_expression(_ROOTS[called(call) or ""]))


def _product(node: cst.CSTNode) -> cst.CSTNode:
    division = cst.ensure_type(node, cst.BinaryOperation)
    factor = _factor(division.right)
    return division if factor is None else division.with_changes(operator=_times(division), right=factor)


def _times(division: cst.BinaryOperation) -> cst.Multiply:
    operator = cst.ensure_type(division.operator, cst.Divide)
    return cst.Multiply(
        whitespace_before=operator.whitespace_before, whitespace_after=operator.whitespace_after
    )


def _augmented(node: cst.CSTNode) -> cst.CSTNode:
    statement = cst.ensure_type(node, cst.AugAssign)
    factor = _factor(statement.value)
    if factor is None:
        return statement
    return statement.with_changes(operator=cst.MultiplyAssign(), value=factor)


def _root(node: cst.CSTNode) -> cst.CSTNode:
    division = cst.ensure_type(node, cst.BinaryOperation)
    inverse = _inverse_root(cst.ensure_type(division.right, cst.Call))
    return inverse.with_changes(lpar=[*division.lpar, *inverse.lpar], rpar=[*inverse.rpar, *division.rpar])
