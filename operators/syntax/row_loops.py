"""Loops of a kernel over the blocks of a row, and their bodies taken at the start of the row."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
import msgspec

from operators.syntax.kernel_module import JitFunction
from operators.syntax.nodes import argument, bound_names, called, walk
from operators.syntax.variables import VariableTransformer


class RowLoop(msgspec.Struct, frozen=True, eq=False):
    """A loop whose iterations differ in nothing but the block of the row that they work on.

    Attributes:
        node: the loop: `for start in range(0, length, step)`, or `for block in range(tl.cdiv(length, step))`.
        variable: the loop's variable.
        length: name of the parameter that holds how long a row is.
        step: name of the constexpr parameter that holds how long a block is.
        body: its statements, one a line, none of them compound.
        blocks: whether the variable counts blocks, not elements.
    """

    node: cst.For
    variable: str
    length: str
    step: str
    body: tuple[cst.SimpleStatementLine, ...]
    blocks: bool

    def alike(self, other: RowLoop) -> bool:
        """Return whether both go over the same blocks in the same way."""
        mine, its = (self.length, self.step, self.blocks), (other.length, other.step, other.blocks)
        return mine == its


def row_loop(node: cst.CSTNode, function: JitFunction) -> RowLoop | None:
    """Return a statement of a function as a row loop, or None if it is none."""
    if not (isinstance(node, cst.For) and isinstance(node.target, cst.Name) and node.orelse is None):
        return None
    length, step, blocks = _header(node.iter)
    rebound = bound_names(function.node)
    if length not in function.parameters or step not in function.constexprs or {length, step} & rebound:
        return None
    body = tuple(s for s in node.body.body if isinstance(s, cst.SimpleStatementLine))
    variable = node.target.value
    jumps = any(isinstance(n, cst.Break | cst.Continue | cst.Return) for s in body for n in walk(s))
    if len(body) != len(node.body.body) or jumps or any(variable in bound_names(s) for s in body):
        return None
    return RowLoop(node=node, variable=variable, length=length, step=step, body=body, blocks=blocks)


def _header(iterable: cst.BaseExpression) -> tuple[str, str, bool]:
    """Return (length, step, whether blocks are counted) of a loop's range; empty names for other forms."""
    if not (isinstance(iterable, cst.Call) and called(iterable) in ("range", "tl.range")):
        return "", "", False
    given = [each.value for each in iterable.args if each.keyword is None and not each.star]
    if len(given) >= 2 and not (isinstance(given[0], cst.Integer) and given[0].evaluated_value == 0):
        return "", "", False
    if len(given) == 3:
        return _name(given[1]), _name(given[2]), False
    count = given[-1] if given else None
    if isinstance(count, cst.Call) and called(count) in ("tl.cdiv", "triton.cdiv"):
        return _name(argument(count, 0, "x")), _name(argument(count, 1, "div")), True
    return "", "", False


def _name(node: cst.CSTNode | None) -> str:
    return node.value if isinstance(node, cst.Name) else ""


def at_start(loop: RowLoop) -> Sequence[cst.SimpleStatementLine] | None:
    """Return a loop's statements with its variable at 0 and sums and products with it folded.

    None if the variable is used in any other way. Comments before and on the loop's own line are kept.
    """
    fold = _Fold(loop.variable)
    statements = [cst.ensure_type(s.visit(fold), cst.SimpleStatementLine) for s in loop.body]
    if not statements or any(fold.is_zero(node) for s in statements for node in walk(s)):
        return None
    lines = [*loop.node.leading_lines, *_header_comment(loop.node), *statements[0].leading_lines]
    return [statements[0].with_changes(leading_lines=lines), *statements[1:]]


def _header_comment(node: cst.For) -> list[cst.EmptyLine]:
    header = node.body.header if isinstance(node.body, cst.IndentedBlock) else cst.TrailingWhitespace()
    return [cst.EmptyLine(comment=header.comment)] if header.comment is not None else []


class _Fold(VariableTransformer):
    """Puts 0 for a name and folds it away where it is added or multiplied."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._zeros: list[cst.CSTNode] = []

    def is_zero(self, node: cst.CSTNode) -> bool:
        """Return whether a node is a 0 that was put here."""
        return any(node is zero for zero in self._zeros)

    def _zero(self) -> cst.Integer:
        zero = cst.Integer("0")
        self._zeros.append(zero)
        return zero

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self._zero() if original_node.value == self._name else updated_node

    def leave_BinaryOperation(
        self, original_node: cst.BinaryOperation, updated_node: cst.BinaryOperation
    ) -> cst.BaseExpression:
        left, right = self.is_zero(updated_node.left), self.is_zero(updated_node.right)
        if isinstance(original_node.operator, cst.Multiply) and (left or right):
            return self._zero()
        if isinstance(original_node.operator, cst.Add) and left:
            return _in_place_of(updated_node, updated_node.right)
        if isinstance(original_node.operator, cst.Add | cst.Subtract) and right:
            return _in_place_of(updated_node, updated_node.left)
        return updated_node


def _in_place_of(outer: cst.BinaryOperation, inner: cst.BaseExpression) -> cst.BaseExpression:
    """Return the inner expression with the outer one's parentheses, unless it needs none."""
    if isinstance(inner, cst.Name | cst.Call | cst.Attribute | cst.Subscript | cst.Integer):
        return inner
    return inner.with_changes(lpar=[*outer.lpar, *inner.lpar], rpar=[*inner.rpar, *outer.rpar])
