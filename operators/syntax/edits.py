"""Edits: nodes of a module and what each becomes; everything else of the source stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

import libcst as cst

Change = Callable[[cst.CSTNode], cst.CSTNode]
Edits = Mapping[cst.CSTNode, Change]


class _Editor(cst.CSTTransformer):
    def __init__(self, edits: Edits) -> None:
        super().__init__()
        self._edits = edits

    def on_leave(
        self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT
    ) -> cst.CSTNodeT | cst.RemovalSentinel | cst.FlattenSentinel[cst.CSTNodeT]:
        change = self._edits.get(original_node)
        return updated_node if change is None else cast(cst.CSTNodeT, change(updated_node))


def edited(module: cst.Module, edits: Edits) -> str:
    """Return the module's source after the edits; an edit of a node sees the edits inside it already done."""
    return module.visit(_Editor(edits)).code


def together(several: Iterable[Edits]) -> Edits:
    """Return all the edits as one; those of the same node follow each other."""
    joined: dict[cst.CSTNode, Change] = {}
    for edits in several:
        for node, change in edits.items():
            joined[node] = _then(joined[node], change) if node in joined else change
    return joined


def _then(first: Change, second: Change) -> Change:
    return lambda node: second(first(node))


def becomes(value: int | str) -> Change:
    """Return the change of an expression into an integer literal or other source text.

    The parentheses of what was an integer literal stay; those of any other expression go with it.
    """

    def change(node: cst.CSTNode) -> cst.CSTNode:
        expression = cst.parse_expression(str(value))
        if isinstance(node, cst.Integer):
            return expression.with_changes(lpar=node.lpar, rpar=node.rpar)
        return expression

    return change


def with_body(statements: Sequence[cst.BaseStatement]) -> Change:
    """Return the change of an indented block into one of these statements."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        return node.with_changes(body=statements)

    return change


def in_place_of_one(nodes: Sequence[cst.CSTNode]) -> cst.CSTNode:
    """Return what a change of a statement returns to put several there; no other edit of it may follow."""
    return cast(cst.CSTNode, cst.FlattenSentinel(nodes))


def appends_keyword(name: str, value: int | str) -> Change:
    """Return the change of a call that appends `name=value` in the layout of the arguments before it."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        call = cst.ensure_type(node, cst.Call)
        added = cst.Arg(
            value=cst.parse_expression(str(value)),
            keyword=cst.Name(name),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
        if not call.args:
            return call.with_changes(args=[added])
        return call.with_changes(args=_with_last(call.args, added, call.whitespace_before_args))

    return change


def _with_last(
    arguments: Sequence[cst.Arg], added: cst.Arg, before: cst.BaseParenthesizableWhitespace
) -> list[cst.Arg]:
    """Append an argument; a comment after the last one stays with it, and a new line begins behind it."""
    *head, last = arguments
    separator = head[-1].comma if head and isinstance(head[-1].comma, cst.Comma) else _SEPARATOR
    between = _without_comment(separator.whitespace_after)
    if isinstance(last.comma, cst.Comma):
        after = last.comma.whitespace_after
        added = added.with_changes(comma=cst.Comma(whitespace_after=_without_comment(after)))
    else:
        after = last.whitespace_after_arg
        added = added.with_changes(whitespace_after_arg=_without_comment(after))
    if isinstance(after, cst.ParenthesizedWhitespace) and after.first_line.comment is not None:
        lines = (between, before, after)
        line = next(line for line in lines if isinstance(line, cst.ParenthesizedWhitespace))
        between = line.with_changes(first_line=after.first_line, empty_lines=[])
    comma = cst.Comma(whitespace_after=between)
    return [*head, last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace("")), added]


_SEPARATOR = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _without_comment(space: cst.BaseParenthesizableWhitespace) -> cst.BaseParenthesizableWhitespace:
    if isinstance(space, cst.ParenthesizedWhitespace):
        line = space.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
        return space.with_changes(first_line=line, empty_lines=[])
    return space


def prepends_entry(name: str, value: int) -> Change:
    """Return the change of a dict display that puts the entry `"name": value` first."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        entries = cst.ensure_type(node, cst.Dict)
        key = cst.SimpleString(f'"{name}"')
        added = cst.DictElement(key=key, value=cst.Integer(str(value)))
        if entries.elements:
            added = added.with_changes(comma=_SEPARATOR)
        return entries.with_changes(elements=[added, *entries.elements])

    return change
