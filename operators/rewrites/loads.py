"""Loads that a kernel can do without: repeated, unused, or the same in every iteration of a loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import cast

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.definitions import definitions_of
from operators.syntax.edits import Change, with_body
from operators.syntax.invariants import invariant_loads
from operators.syntax.kernel_module import JitFunction, read_module
from operators.syntax.loads import is_plain_load, merge_loads
from operators.syntax.nodes import children, names_in, walk
from operators.syntax.passes import assigned_by
from operators.syntax.values import is_pure


class Loads:
    """The family `loads`."""

    name = "loads"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel its repeated loads merged, unused ones left out, constant ones hoisted."""
        return [
            variant
            for function in read_module(module).functions.values()
            for variant in (
                *_merged(function, module),
                *_used(function, module),
                *_hoisted(function, module),
            )
        ]


def _merged(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield the variant in which no block of statements loads the same twice."""
    taken = names_in(function.node)
    edits: dict[cst.CSTNode, Change] = {}
    inside: set[cst.CSTNode] = set()
    saved = 0
    for block in walk(function.node.body):
        if not isinstance(block, cst.IndentedBlock) or block in inside:
            continue  # the change of a block undoes those of blocks in it
        statements = [each for each in block.body if isinstance(each, cst.BaseStatement)]
        merged = merge_loads(statements, taken)
        if merged.saved:
            taken |= {name for each in merged.statements for name in names_in(each)}
            edits[block] = with_body(merged.statements)
            inside |= set(walk(block))
            saved += merged.saved
    if edits:
        yield Variant(f"{function.name} {saved} repeated loads merged", module, edits)


def _used(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield the variant without loads whose value nothing reads, and without what only they needed."""
    statements = [n for n in walk(function.node.body) if isinstance(n, cst.SimpleStatementLine)]
    left = {each: value for each in statements if (value := _discardable(each)) is not None}
    reads = _reads(function.node.body)
    gone: dict[cst.SimpleStatementLine, cst.BaseExpression] = {}
    while unused := {each: value for each, value in left.items() if not reads[assigned_by(each)[0]]}:
        for statement, value in unused.items():
            reads.subtract(_reads(value))
            gone[statement] = left.pop(statement)
    loads = sum(map(is_plain_load, gone.values()))
    blocks = [node for node in walk(function.node) if isinstance(node, cst.IndentedBlock)]
    emptied = any(all(each in gone for each in block.body) for block in blocks)
    if loads and not emptied:
        edits: dict[cst.CSTNode, Change] = dict.fromkeys(gone, lambda _: _REMOVED)
        yield Variant(f"{function.name} {loads} unused loads left out", module, edits)


_REMOVED = cast(cst.CSTNode, cst.RemovalSentinel.REMOVE)


def _discardable(statement: cst.SimpleStatementLine) -> cst.BaseExpression | None:
    """Return what a statement computes or loads if it does nothing else."""
    match statement.body:
        case [cst.Expr(value=value)] if is_plain_load(value):
            return value
    given = assigned_by(statement)[1]
    return given if given is not None and (is_pure(given) or is_plain_load(given)) else None


def _reads(node: cst.CSTNode) -> Counter[str]:
    """Return how often each name is read in a node; plain assignments do not read their target."""
    found: Counter[str] = Counter()
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, cst.Name):
            found[each.value] += 1
        elif isinstance(each, cst.Attribute | cst.Arg):
            waiting.append(each.value)
        elif not (isinstance(each, cst.AssignTarget) and isinstance(each.target, cst.Name)):
            waiting += children(each)
    return found


def _hoisted(function: JitFunction, module: cst.Module) -> Iterator[Variant]:
    """Yield for each loop the variant that loads before it what every iteration loads again."""
    definitions = definitions_of(function.node)
    number = 0
    for loop in walk(function.node.body):
        if not isinstance(loop, cst.For):
            continue
        number += 1
        found = invariant_loads(loop, definitions)
        if found is not None:
            moved, kept = found
            values = [assigned_by(each)[1] for each in moved]
            count = sum(value is not None and is_plain_load(value) for value in values)
            summary = f"{function.name} {count} loads before loop {number}"
            yield Variant(summary, module, {loop: _preceded(moved, kept)})


def _preceded(moved: Sequence[cst.BaseStatement], kept: Sequence[cst.BaseStatement]) -> Change:
    """Return the change of a loop into statements before it and those that stay in it."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        loop = cst.ensure_type(node, cst.For)
        body = loop.body.with_changes(body=kept)
        return cst.FlattenSentinel([*moved, loop.with_changes(body=body)])  # type: ignore[return-value]

    return change
