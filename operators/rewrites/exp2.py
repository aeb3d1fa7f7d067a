"""Exponentials and logarithms in base 2, which is what devices compute."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.edits import Change, becomes
from operators.syntax.kernel_module import JitFunction, read_module
from operators.syntax.nodes import called, walk
from operators.syntax.scaled import scaled_values
from operators.syntax.values import code_of

LOG2_E = 1 / math.log(2)
LN_2 = math.log(2)
_EXPONENTIALS = {"tl.exp": "tl.exp2", "tl.math.exp": "tl.math.exp2"}
_LOGARITHMS = {"tl.log": "tl.log2", "tl.math.log": "tl.math.log2"}


class Exp2:
    """The family `exp2`."""

    name = "exp2"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel its exponentials in base 2, its logarithms, and scales that take it in."""
        return [
            variant
            for function in read_module(module).functions.values()
            for variant in (*_calls(function, module), *_folded(function, module))
        ]


def _calls(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield the variants that multiply next to the call.

    The argument is multiplied as a whole, so that a maximum is subtracted before it: two rounded products
    would differ by more than the difference of what was rounded.
    """
    nodes = [node for node in walk(function.node.body) if isinstance(node, cst.Call)]
    exponentials = [n for n in nodes if called(n) in _EXPONENTIALS and _takes_one(n)]
    logarithms = [n for n in nodes if called(n) in _LOGARITHMS and _takes_one(n)]
    if exponentials:
        edits: dict[cst.CSTNode, Change] = dict.fromkeys(exponentials, _exponential)
        yield Variant(f"{function.name} exp -> exp2", module, edits)
    if logarithms:
        yield Variant(f"{function.name} log -> log2", module, dict.fromkeys(logarithms, _logarithm))


def _folded(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield variants whose scale factor takes the constant in, so that no exponential multiplies."""
    for scaled in scaled_values(function.node):
        edits: dict[cst.CSTNode, Change] = dict.fromkeys(scaled.exponentials, _renamed)
        edits[scaled.factor] = becomes(_in_base_2(scaled.factor))
        factor = code_of(scaled.factor)
        yield Variant(f"{function.name} exp -> exp2 by {factor} of {scaled.name}", module, edits)


def _takes_one(call: cst.Call) -> bool:
    return len(call.args) == 1 and not call.args[0].star and call.args[0].keyword is None


def _in_base_2(factor: cst.BaseExpression) -> str:
    if isinstance(factor, cst.Float):
        return repr(factor.evaluated_value * LOG2_E)
    return f"({code_of(factor)} * {LOG2_E!r})"


def _renamed(node: cst.CSTNode) -> cst.CSTNode:
    call = cst.ensure_type(node, cst.Call)
    return call.with_changes(func=cst.parse_expression(_EXPONENTIALS[called(call) or ""]))


def _exponential(node: cst.CSTNode) -> cst.CSTNode:
    call = cst.ensure_type(_renamed(node), cst.Call)
    (given,) = call.args
    return call.with_changes(args=[given.with_changes(value=_times_log2_e(given.value))])


def _times_log2_e(value: cst.BaseExpression) -> cst.BaseExpression:
    """Return a value times log2(e); a literal factor that it ends in takes the constant in."""
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Multiply):
        if isinstance(value.right, cst.Float) and not value.right.lpar:
            return value.with_changes(right=cst.Float(_in_base_2(value.right)))
        return cst.BinaryOperation(value, cst.Multiply(), cst.Float(repr(LOG2_E)))
    simple = (cst.Name, cst.Call, cst.Attribute, cst.Subscript, cst.UnaryOperation, cst.Integer, cst.Float)
    if not isinstance(value, simple) and not value.lpar:
        value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.BinaryOperation(value, cst.Multiply(), cst.Float(repr(LOG2_E)))


def _logarithm(node: cst.CSTNode) -> cst.CSTNode:
    call = cst.ensure_type(node, cst.Call)
    bare = call.with_changes(func=cst.parse_expression(_LOGARITHMS[called(call) or ""]), lpar=[], rpar=[])
    return cst.BinaryOperation(
        bare,
        cst.Multiply(),
        cst.Float(repr(LN_2)),
        lpar=[*call.lpar] or [cst.LeftParen()],
        rpar=[*call.rpar] or [cst.RightParen()],
    )
