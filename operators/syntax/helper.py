"""Helpers whose statements may stand where they are called."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst
import msgspec

from operators.syntax.exposed import is_plain_target
from operators.syntax.kernel_module import JitFunction
from operators.syntax.nodes import bound_names, called, dotted, names_in, walk
from operators.syntax.programs import is_docstring
from operators.syntax.values import is_pure_call

_UNKNOWN = (
    cst.AnnAssign, cst.Await, cst.BaseComp, cst.ClassDef, cst.Del, cst.FormattedString, cst.FunctionDef,
    cst.Global, cst.Import, cst.ImportFrom, cst.Lambda, cst.Match, cst.NamedExpr, cst.Nonlocal, cst.Raise,
    cst.Return, cst.StarredElement, cst.Try, cst.TryStar, cst.With, cst.Yield,
)  # fmt: skip


class Helper(msgspec.Struct, frozen=True, eq=False):
    """A `@triton.jit` function that runs straight to its one return.

    Attributes:
        node: its definition.
        parameters: what its parameters are if a call does not say, by name; None for those it must give.
        positional: how many of them a call may give by position, from the first.
        constexprs: those that are annotated as `tl.constexpr`.
        statements: its body without the docstring and the return.
        result: what it returns; None if it is called for what it does.
        assigned: the names that it assigns.
        free: the names that it reads of its module.
        reads_only: whether it changes no memory.
    """

    node: cst.FunctionDef
    parameters: Mapping[str, cst.BaseExpression | None]
    positional: tuple[str, ...]
    constexprs: frozenset[str]
    statements: tuple[cst.BaseStatement, ...]
    result: cst.BaseExpression | None
    assigned: frozenset[str]
    free: frozenset[str]
    reads_only: bool

    @property
    def name(self) -> str:
        """The function's name."""
        return self.node.name.value

    def bound(self, call: cst.Call) -> Mapping[str, cst.BaseExpression] | None:
        """Return what a call gives each parameter, in the order of its arguments; None if it is wrong."""
        found: dict[str, cst.BaseExpression] = {}
        for at, given in enumerate(call.args):
            if given.star or (given.keyword is None and at >= len(self.positional)):
                return None
            name = self.positional[at] if given.keyword is None else given.keyword.value
            if name in found or name not in self.parameters:
                return None
            found[name] = given.value
        for name, default in self.parameters.items():
            if name not in found and default is not None:
                found[name] = default
        return found if found.keys() == self.parameters.keys() else None


def helper_of(function: JitFunction) -> Helper | None:
    """Return a function as a helper; None if it returns early, calls itself or holds what is not known."""
    node, params = function.node, function.node.params
    starred = isinstance(params.star_arg, cst.Param) or params.star_kwarg is not None
    if (
        starred
        or params.posonly_params
        or len(node.decorators) != 1
        or dotted(node.decorators[0].decorator) is None
    ):
        return None
    if not isinstance(node.body, cst.IndentedBlock) or node.asynchronous is not None:
        return None
    statements, result = _with_result(node.body)
    inside = [each for statement in statements for each in walk(statement)]
    inside += [] if result is None else walk(result)
    defaults = {p.name.value: p.default for p in (*params.params, *params.kwonly_params)}
    if not all(map(_is_known, inside)) or not all(
        each is None or _is_literal(each) for each in defaults.values()
    ):
        return None
    if any(called(each) == function.name for reached in function.reach for each in walk(reached)):
        return None
    assigned = frozenset(name for statement in statements for name in bound_names(statement))
    mentioned = {name for each in (*statements, *filter(None, [result])) for name in names_in(each)}
    if assigned & function.constexprs or len(defaults) != len(function.parameters):
        return None
    return Helper(
        node=node,
        parameters=defaults,
        positional=tuple(parameter.name.value for parameter in params.params),
        constexprs=function.constexprs,
        statements=tuple(statements),
        result=result,
        assigned=assigned,
        free=frozenset(mentioned - assigned - defaults.keys()),
        reads_only=all(
            is_pure_call(each) or called(each) == "tl.load" for each in inside if isinstance(each, cst.Call)
        ),
    )


def _with_result(block: cst.IndentedBlock) -> tuple[list[cst.BaseStatement], cst.BaseExpression | None]:
    """Return a body without its docstring and its last return, and what that returns."""
    statements = list(block.body)
    if statements and is_docstring(statements[0]):
        statements = statements[1:]
    match statements:
        case [*before, cst.SimpleStatementLine(body=[cst.Return(value=value)])]:
            return before, value
    return statements, None


def _is_known(node: cst.CSTNode) -> bool:
    """Return whether a node of a helper's body may stand in another function."""
    match node:
        case cst.AssignTarget(target=target):
            return is_plain_target(target)
        case cst.AugAssign(target=target) | cst.For(target=target):
            return isinstance(target, cst.Name)
        case cst.SimpleStatementSuite():
            return False
    return not isinstance(node, _UNKNOWN)


def _is_literal(node: cst.BaseExpression) -> bool:
    if isinstance(node, cst.UnaryOperation):
        return isinstance(node.expression, cst.Integer | cst.Float)
    name = dotted(node) or ""
    known = name in ("True", "False", "None") or name.startswith("tl.")
    return known or isinstance(node, cst.Integer | cst.Float | cst.SimpleString)
