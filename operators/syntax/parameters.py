"""Further parameters of a kernel, and those that hold something already."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from operators.syntax.edits import Change
from operators.syntax.grids import Grid
from operators.syntax.kernel_module import JitFunction
from operators.syntax.nodes import bound_names


def takes_parameters(function: JitFunction) -> bool:
    """Return whether parameters can be appended: there is one, and none is keyword-only or starred."""
    params = function.node.params
    starred = isinstance(params.star_arg, cst.Param | cst.ParamStar) or params.star_kwarg is not None
    return bool(params.params) and not params.kwonly_params and not starred


def appends_parameters(plain: Sequence[str], constexprs: Sequence[str]) -> Change:
    """Return the change of a function's parameters that appends these, in the layout of those before.

    Every launch must give them by keyword: behind a parameter with a default they have defaults too.
    """
    added = ", ".join([*plain, *(f"{name}: tl.constexpr" for name in constexprs)])

    def change(node: cst.CSTNode) -> cst.CSTNode:
        params = cst.ensure_type(node, cst.Parameters)
        new = cst.ensure_type(cst.parse_statement(f"def kernel({added}): pass\n"), cst.FunctionDef)
        if not new.params.params:
            return params
        *before, last = params.params
        separator = before[-1].comma if before and isinstance(before[-1].comma, cst.Comma) else _COMMA
        own = [each.with_changes(comma=_bare(separator)) for each in new.params.params]
        if last.default is not None:
            own = [each.with_changes(default=cst.Integer("0"), equal=cst.AssignEqual()) for each in own]
        own[-1] = own[-1].with_changes(
            comma=_bare(last.comma) if isinstance(last.comma, cst.Comma) else last.comma,
            whitespace_after_param=last.whitespace_after_param,
        )
        kept = last.with_changes(
            comma=_commented(separator, last.comma), whitespace_after_param=cst.SimpleWhitespace("")
        )
        return params.with_changes(params=[*before, kept, *own])

    return change


_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _bare(comma: cst.Comma) -> cst.Comma:
    """Return a comma without its comment."""
    space = comma.whitespace_after
    if isinstance(space, cst.ParenthesizedWhitespace):
        line = space.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
        return comma.with_changes(whitespace_after=space.with_changes(first_line=line, empty_lines=[]))
    return comma


def _commented(separator: cst.Comma, last: cst.Comma | cst.MaybeSentinel) -> cst.Comma:
    """Return the separator, with the comment that stood behind the last parameter."""
    bare = _bare(separator)
    behind = last.whitespace_after if isinstance(last, cst.Comma) else None
    if isinstance(behind, cst.ParenthesizedWhitespace) and behind.first_line.comment is not None:
        indent = bare.whitespace_after
        last_line = indent.last_line if isinstance(indent, cst.ParenthesizedWhitespace) else behind.last_line
        kept = behind.with_changes(empty_lines=[], last_line=last_line)
        return bare.with_changes(whitespace_after=kept)
    return bare


def parameter_given(function: JitFunction, given: Sequence[tuple[Grid, str]]) -> str | None:
    """Return a parameter to which each launch gives the host's name beside it; None without one."""
    rebound = bound_names(function.node.body)
    fixed = (name for name in function.parameters if name not in rebound)
    return next((name for name in fixed if all(_gives(grid, name, code) for grid, code in given)), None)


def _gives(grid: Grid, name: str, code: str) -> bool:
    argument = grid.launch.bound.get(name)
    return argument is not None and isinstance(argument.value, cst.Name) and argument.value.value == code
