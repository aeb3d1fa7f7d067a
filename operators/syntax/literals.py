"""From an expression of the host to the integer literals that it takes its value from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import libcst as cst

from operators.syntax.nodes import called, names_in, walk


def literals_of(
    expression: cst.BaseExpression, host: cst.FunctionDef | None, module: cst.Module
) -> tuple[cst.Integer, ...]:
    """Return the integer literals that an expression in `host` may be equal to, or is the min or max of.

    Names are followed to their assignments in the host, else to the defaults of its parameters, else to the
    module's top level. What is computed in any other way has none.
    """
    return tuple(dict.fromkeys(_literals(expression, host, module, frozenset())))


def _literals(
    expression: cst.BaseExpression, host: cst.FunctionDef | None, module: cst.Module, seen: frozenset[str]
) -> Iterator[cst.Integer]:
    if isinstance(expression, cst.Integer):
        yield expression
    elif isinstance(expression, cst.Call) and called(expression) in ("min", "max", "tl.constexpr"):
        for argument in expression.args:
            yield from _literals(argument.value, host, module, seen)
    elif isinstance(expression, cst.IfExp):
        yield from _literals(expression.body, host, module, seen)
        yield from _literals(expression.orelse, host, module, seen)
    elif isinstance(expression, cst.Name) and expression.value not in seen:
        for value in _values_of(expression.value, host, module):
            yield from _literals(value, host, module, seen | {expression.value})


def _values_of(name: str, host: cst.FunctionDef | None, module: cst.Module) -> tuple[cst.BaseExpression, ...]:
    if host is not None:
        local = tuple(assigned(name, [host]))
        if local:
            return local
        for parameter in (*host.params.params, *host.params.kwonly_params):
            if parameter.name.value == name:
                return () if parameter.default is None else (parameter.default,)
    return tuple(assigned(name, (s for s in module.body if isinstance(s, cst.SimpleStatementLine))))


def assigned(name: str, nodes: Iterable[cst.CSTNode]) -> Iterator[cst.BaseExpression]:
    """Yield the values that are assigned to a name, tuples taken apart, in the order of the source."""
    for node in nodes:
        for inner in walk(node):
            if isinstance(inner, cst.Assign):
                for target in inner.targets:
                    yield from _paired(name, target.target, inner.value)
            elif isinstance(inner, cst.AnnAssign) and inner.value is not None:
                yield from _paired(name, inner.target, inner.value)


def _paired(name: str, target: cst.CSTNode, value: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(target, cst.Name) and target.value == name:
        yield value
    elif (
        isinstance(target, cst.Tuple | cst.List)
        and isinstance(value, cst.Tuple | cst.List)
        and len(target.elements) == len(value.elements)
    ):
        for inner, part in zip(target.elements, value.elements, strict=True):
            yield from _paired(name, inner.value, part.value)


def expressions_behind(nodes: Iterable[cst.CSTNode], host: cst.FunctionDef) -> tuple[cst.CSTNode, ...]:
    """Return expressions of a host together with those assigned to the names in them, however far back."""
    found: list[cst.CSTNode] = list(nodes)
    seen: set[str] = set()
    for node in found:  # grows as it goes
        for name in sorted(names_in(node) - seen):
            seen.add(name)
            found.extend(assigned(name, [host]))
    return tuple(found)


def strings_in(expressions: Iterable[cst.CSTNode]) -> set[str | bytes]:
    """Return the string literals in expressions, such as what a grid's function asks its `meta` for."""
    nodes = (node for expression in expressions for node in walk(expression))
    return {node.evaluated_value for node in nodes if isinstance(node, cst.SimpleString)}
