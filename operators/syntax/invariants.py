"""Statements of a loop that compute and load the same in every iteration."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from operators.syntax.definitions import Definitions
from operators.syntax.loads import is_plain_load
from operators.syntax.nodes import bound_names, called, names_in, walk
from operators.syntax.passes import assigned_by
from operators.syntax.values import is_pure, is_pure_call


def invariant_loads(
    loop: cst.For, definitions: Definitions
) -> tuple[Sequence[cst.SimpleStatementLine], Sequence[cst.BaseStatement]] | None:
    """Return the statements that may stand before a loop, and those that stay; None if no load may.

    Moved are assignments of loads, and of what they need, whose names nothing else assigns and whose values
    do not depend on the iteration. A loop that may write memory keeps its loads.
    """
    if not isinstance(loop.body, cst.IndentedBlock) or loop.orelse is not None or _writes(loop):
        return None
    bound, moved, wanted = bound_names(loop), list[cst.SimpleStatementLine](), set[str]()
    statements = list(loop.body.body)
    free = set[str]()
    for statement in statements:
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        name, value = assigned_by(statement)
        single = name and len(definitions.only(name)) == 1
        if value is None or not single or names_in(value) & (bound - free):
            continue
        if is_pure(value) or is_plain_load(value):
            free.add(name)
            moved.append(statement)
    for statement in reversed(moved):  # of what only computes, what a load needs
        name, value = assigned_by(statement)
        if value is not None and (is_plain_load(value) or name in wanted):
            wanted |= names_in(value) | {name}
    taken = [each for each in moved if assigned_by(each)[0] in wanted]
    kept = [each for each in statements if each not in taken]
    loads = any(is_plain_load(value) for each in taken if (value := assigned_by(each)[1]) is not None)
    return (taken, kept) if loads and kept else None


def _writes(loop: cst.For) -> bool:
    calls = [node for node in walk(loop.body) if isinstance(node, cst.Call)]
    jumps = any(isinstance(n, cst.Break | cst.Continue | cst.Return | cst.While) for n in walk(loop.body))
    return jumps or not all(is_pure_call(call) or called(call) == "tl.load" for call in calls)
