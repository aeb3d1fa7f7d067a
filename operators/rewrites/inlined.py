"""A helper's statements in place of the calls to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.edits import Change, in_place_of_one
from operators.syntax.helper import Helper, helper_of
from operators.syntax.kernel_module import JitFunction, KernelModule
from operators.syntax.nodes import bound_names, called, children, fresh_name, names_in, walk
from operators.syntax.values import is_pure_call
from operators.syntax.variables import Substitute

_UNSURE = (
    cst.IfExp,
    cst.BooleanOperation,
    cst.Lambda,
    cst.BaseComp,
    cst.NamedExpr,
    cst.FormattedString,
)
"""Expressions that may not compute all of their parts, or not in this order."""


def inlined(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield for each helper that a function calls the variant without those calls.

    A helper that nothing else mentions goes with them.
    """
    for name, each in module.functions.items():
        if each is function or not any(called(node) == name for node in walk(function.node.body)):
            continue
        helper = helper_of(each)
        changes = None if helper is None else _Inlining(function, helper).changes()
        if changes is None:
            continue
        edits: dict[cst.CSTNode, Change] = dict(changes)
        if _mentions(module.module, name) == _mentions(each.node, name) + _mentions(function.node, name):
            edits[each.node] = lambda _: cast(cst.CSTNode, cst.RemovalSentinel.REMOVE)
        yield Variant(f"{name} inlined into {function.name}", module.module, edits)


def _mentions(node: cst.CSTNode, name: str) -> int:
    return sum(isinstance(each, cst.Name) and each.value == name for each in walk(node))


class _Inlining:
    """One helper put into one function."""

    def __init__(self, function: JitFunction, helper: Helper) -> None:
        self._function = function
        self._helper = helper
        self._local = {*function.parameters, *bound_names(function.node.body)}
        self._fixed = function.constexprs - bound_names(function.node.body)
        self._constants = self._fixed | _said_constants(function)
        self._taken = names_in(function.node) | helper.free

    def changes(self) -> Mapping[cst.CSTNode, Change] | None:
        """Return the change of each statement that calls the helper; None if one is not understood."""
        if self._helper.free & self._local:
            return None
        found: dict[cst.CSTNode, Change] = {}
        calls = 0
        for block in walk(self._function.node.body):
            if not isinstance(block, cst.IndentedBlock):
                continue
            for statement in block.body:
                count = _mentions(statement, self._helper.name)
                if isinstance(statement, cst.SimpleStatementLine) and count:
                    made = self._in_place_of(statement)
                    if made is None:
                        return None
                    found[statement] = _put(made)
                    calls += count
        return found if calls == _mentions(self._function.node, self._helper.name) else None

    def _in_place_of(self, statement: cst.SimpleStatementLine) -> list[cst.BaseStatement] | None:
        """Return the helper's statements and what is left of one that calls it."""
        whole = _whole_call(statement, self._helper.name)
        if len(statement.body) != 1 or not (whole or _in_any_order(statement, self._helper)):
            return None
        putting = _Putting(self, self._helper.name, whole)
        left = statement.visit(putting)
        if putting.failed or _mentions(statement, self._helper.name) != putting.calls:
            return None
        rest = cst.ensure_type(left, cst.SimpleStatementLine)
        match rest.body:
            case [cst.Expr(value=cst.Name())] if whole:  # nothing asks what was returned
                made = putting.before or [cst.SimpleStatementLine([cst.Pass()])]
            case _:
                made = [*putting.before, rest]
        first = made[0]
        if first is not rest and isinstance(first, cst.SimpleStatementLine | cst.For | cst.While | cst.If):
            made[0] = first.with_changes(leading_lines=[*statement.leading_lines, *first.leading_lines])
        if made[-1] is rest and len(made) > 1:
            made[-1] = rest.with_changes(leading_lines=())
        return made

    def begin(self, call: cst.Call) -> tuple[list[cst.BaseStatement], cst.BaseExpression | None] | None:
        """Return the helper's statements for one call and what it returns; None if it is not understood."""
        bound = self._helper.bound(call)
        if bound is None:
            return None
        before: list[cst.BaseStatement] = []
        values: dict[str, cst.BaseExpression] = {}
        for name, value in bound.items():
            rebound = name in self._helper.assigned
            if self._is_constant(value):
                if rebound:
                    return None  # a constant that becomes a tensor may be of another type
                values[name] = value
            elif name in self._helper.constexprs or _asks_a_shape(value):
                return None
            elif not rebound and isinstance(value, cst.Name):
                values[name] = value
            else:
                own = self._fresh(name)
                before.append(_assigned(own, value))
                values[name] = cst.Name(own)
        for name in sorted(self._helper.assigned - bound.keys()):
            values[name] = cst.Name(self._fresh(name))
        put = Substitute(values)
        before += [cast(cst.BaseStatement, each.visit(put)) for each in self._helper.statements]
        result = self._helper.result
        return before, None if result is None else cast(cst.BaseExpression, result.visit(put))

    def named(self, value: cst.BaseExpression) -> tuple[cst.BaseStatement, cst.Name] | None:
        """Return the statement that gives a result a name, and the name.

        None for what may be a constant: it would be a tensor by that name.
        """
        if isinstance(value, cst.Tuple) or not names_in(value) & (self._local - self._constants):
            return None
        name = self._fresh(f"{self._helper.name}_result")
        return _assigned(name, value), cst.Name(name)

    def _fresh(self, word: str) -> str:
        name = fresh_name(word, self._taken)
        self._taken.add(name)
        self._local.add(name)
        return name

    def _is_constant(self, value: cst.BaseExpression) -> bool:
        """Return whether an argument is known when the kernel is compiled."""
        match value:
            case cst.Integer() | cst.Float() | cst.SimpleString():
                return True
            case cst.Name(value=name):
                return name in self._fixed or name not in self._local
            case cst.Attribute(value=base):
                return self._is_constant(base) and not isinstance(base, cst.Integer | cst.Float)
            case cst.UnaryOperation(expression=inner):
                return self._is_constant(inner)
            case cst.BinaryOperation(left=left, right=right):
                return self._is_constant(left) and self._is_constant(right)
        return False


class _Putting(cst.CSTTransformer):
    """Puts what a helper returns in place of the calls in a statement, inner ones first."""

    def __init__(self, inlining: _Inlining, name: str, whole: cst.Call | None) -> None:
        super().__init__()
        self._inlining = inlining
        self._name = name
        self._whole = whole
        self.before: list[cst.BaseStatement] = []
        self.calls = 0
        self.failed = False

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Keep the helper's statements and return what stands for its value."""
        if called(original_node) != self._name:
            return updated_node
        made = self._inlining.begin(updated_node)
        self.calls += 1
        if made is None:
            self.failed = True
            return updated_node
        statements, value = made
        self.before += statements
        if original_node is self._whole:
            return cst.Name("None") if value is None else value
        given = None if value is None else self._inlining.named(value)
        if given is None:
            self.failed = True
            return updated_node
        statement, name = given
        self.before.append(statement)
        return name


def _put(statements: list[cst.BaseStatement]) -> Change:
    return lambda _: in_place_of_one(statements)


def _assigned(name: str, value: cst.BaseExpression) -> cst.SimpleStatementLine:
    target = cst.AssignTarget(cst.Name(name))
    return cst.SimpleStatementLine([cst.Assign([target], value)])


def _said_constants(function: JitFunction) -> set[str]:
    """Return the names that a function annotates, or that loops unrolled by the compiler give values."""
    found = set[str]()
    for node in walk(function.node.body):
        if isinstance(node, cst.AnnAssign) or (
            isinstance(node, cst.For) and called(node.iter) not in ("range", "tl.range")
        ):
            found |= names_in(node.target)
    return found


def _asks_a_shape(value: cst.BaseExpression) -> bool:
    """Return whether an expression may be a constant that only the compiler knows."""
    return any(isinstance(n, cst.Attribute) and n.attr.value in ("shape", "value") for n in walk(value))


def _whole_call(statement: cst.SimpleStatementLine, name: str) -> cst.Call | None:
    """Return the helper's call if the statement does nothing but assign what it returns, or drop it."""
    match statement.body:
        case [cst.Assign(targets=[_], value=cst.Call() as call)] if called(call) == name:
            return call
        case [cst.Expr(value=cst.Call() as call)] if called(call) == name:
            return call
    return None


def _in_any_order(statement: cst.SimpleStatementLine, helper: Helper) -> bool:
    """Return whether the helper may do its work before the rest of a statement."""
    return helper.reads_only and not _mixed(statement, helper.name)


def _mixed(node: cst.CSTNode, name: str) -> bool:
    """Return whether an expression with calls of the helper may skip them, or changes memory beside them."""
    inside = [each for each in children(node) if _mentions(each, name)]
    if inside and isinstance(node, _UNSURE):
        return True
    if inside and isinstance(node, cst.Comparison) and len(node.comparisons) > 1:
        return True
    if not inside:
        calls = [each for each in walk(node) if isinstance(each, cst.Call)]
        return not all(is_pure_call(each) or called(each) == "tl.load" for each in calls)
    return any(_mixed(each, name) for each in children(node) if not _is_name(each, name))


def _is_name(node: cst.CSTNode, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name
