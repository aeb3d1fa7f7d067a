"""Maximum and sum of exponentials in one pass: the sum so far is rescaled whenever the maximum grows.

The identity is that of the online softmax (Milakov and Gimelshein, 2018, arXiv 1805.02867).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.edits import with_body
from operators.syntax.kernel_module import JitFunction, KernelModule
from operators.syntax.loads import merge_loads
from operators.syntax.nodes import bound_names, fresh_name, names_in, walk
from operators.syntax.passes import (
    MaximumPass,
    SumPass,
    assigned_by,
    is_zero,
    maximum_pass,
    outside_of,
    sum_pass,
)
from operators.syntax.row_loops import RowLoop, row_loop
from operators.syntax.values import code_of
from operators.syntax.variables import Rename


def online(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield, for each loop for the maximum with one for the sum after it, the variant with the two fused."""
    body = [s for s in function.node.body.body if isinstance(s, cst.BaseStatement)]
    loops = [(index, row_loop(statement, function)) for index, statement in enumerate(body)]
    found = [(index, loop) for index, loop in loops if loop is not None]
    for (first, one), (second, two) in pairwise(found):
        maximum = maximum_pass(one)
        total = sum_pass(two, maximum) if maximum is not None and one.alike(two) else None
        between = body[first + 1 : second]
        if maximum is None or total is None or not _apart(maximum, total, body[:first], between):
            continue
        fused = _fused(maximum, total, names_in(function.node))
        if fused is not None:
            after = [*body[:first], *between, fused, *body[second + 1 :]]
            summary = f"{function.name} {len(found)} loops over {one.length} -> {len(found) - 1}"
            yield Variant(
                f"{summary}, {maximum.name} running",
                module.module,
                {function.node.body: with_body(after)},
            )


def _apart(
    maximum: MaximumPass, total: SumPass, before: Sequence[cst.CSTNode], between: Sequence[cst.CSTNode]
) -> bool:
    """Return whether the loop for the maximum can move down into that for the sum."""
    one, two = maximum.loop, total.loop
    first, second = bound_names(one.node), bound_names(two.node)
    if first & outside_of(two) - {maximum.name, one.variable} or second & outside_of(one):
        return False
    if one.variable != two.variable and one.variable in names_in(two.node):
        return False
    for statement in between:
        value = assigned_by(statement)[1] if isinstance(statement, cst.SimpleStatementLine) else None
        if value is None or any(isinstance(node, cst.Call) for node in walk(value)):
            return False
        if names_in(value) & first or bound_names(statement) & (names_in(one.node) | first):
            return False
    starts = [s for s in (*before, *between) if total.name in bound_names(s)]
    last = starts[-1] if starts else None
    return isinstance(last, cst.SimpleStatementLine) and is_zero(assigned_by(last)[1])


def _fused(maximum: MaximumPass, total: SumPass, taken: set[str]) -> cst.For | None:
    """Return the loop that does both, or None if it would load as much as the two."""
    new = fresh_name(f"{maximum.name}_new", taken)
    safe = fresh_name(f"{maximum.name}_safe", taken)
    rename = Rename({maximum.name: safe, total.loop.variable: maximum.loop.variable})
    value = code_of(assigned_by(maximum.update)[1] or maximum.update)
    grown = {"left": cst.Name(maximum.name), "right": cst.Name(safe)}
    change = code_of(total.exponential.with_deep_changes(total.shift, **grown))
    term = code_of(cst.ensure_type(total.term.visit(rename), cst.Call))
    statements: list[cst.BaseStatement] = []
    for statement in maximum.loop.body:
        if statement is maximum.update:
            statements.append(_line(f"{new} = {value}", statement))
            # A block of -inf alone must not turn the sum into exp(-inf + inf).
            statements.append(_line(f'{safe} = tl.where({new} == -float("inf"), 0.0, {new})'))
        else:
            statements.append(statement)
    for statement in total.loop.body:
        if statement is total.update:
            rescaled = f"{total.name} * {change}"
            statements.append(_line(f"{total.name} = {rescaled} + {term}", statement))
        else:
            statements.append(cst.ensure_type(statement.visit(rename), cst.SimpleStatementLine))
    statements.append(_line(f"{maximum.name} = {new}"))
    merged = merge_loads(statements, taken | {new, safe})
    return _loop(maximum.loop, total.loop, merged.statements) if merged.saved else None


def _line(code: str, like: cst.SimpleStatementLine | None = None) -> cst.SimpleStatementLine:
    """Return a statement, with the comments of another."""
    line = cst.ensure_type(cst.parse_statement(code), cst.SimpleStatementLine)
    if like is None:
        return line
    return line.with_changes(leading_lines=like.leading_lines, trailing_whitespace=like.trailing_whitespace)


def _loop(one: RowLoop, two: RowLoop, statements: Sequence[cst.BaseStatement]) -> cst.For:
    comments = [line for line in two.node.leading_lines if line.comment is not None]
    return one.node.with_changes(
        body=one.node.body.with_changes(body=statements),
        leading_lines=[*one.node.leading_lines, *comments],
    )
