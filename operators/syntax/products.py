"""Loops that add up products of blocks, whose turns can be shared out among programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import libcst as cst
import msgspec

from operators.syntax.kernel_module import JitFunction
from operators.syntax.nodes import argument, bound_names, called, names_in, walk
from operators.syntax.passes import assigned_by
from operators.syntax.values import code_of, is_pure, is_pure_call


class ProductLoop(msgspec.Struct, frozen=True, eq=False):
    """A kernel that does nothing but sum products in a loop and store the sum, perhaps cast.

    Attributes:
        before: the statements before the loop.
        loop: the loop, which counts up from 0.
        after: the statements behind it, with the one store.
        total: what holds the sum, in float32 and zero at first.
        end, step: the bounds of the loop's range; the step is None where it is 1.
        marching: what advances by the same in each turn, with what it advances by.
        pointer: where the sum is stored.
        aliases: the names that hold the sum, or a cast of it, behind the loop.
    """

    before: Sequence[cst.BaseStatement]
    loop: cst.For
    after: Sequence[cst.BaseStatement]
    total: str
    end: str
    step: str | None
    marching: Mapping[str, str]
    pointer: cst.BaseExpression
    aliases: frozenset[str]


def product_loop(function: JitFunction) -> ProductLoop | None:
    """Return the one loop of a kernel as a sum of products, or None."""
    statements = [s for s in function.node.body.body if isinstance(s, cst.BaseStatement)]
    places = [at for at, statement in enumerate(statements) if isinstance(statement, cst.For)]
    loops = sum(isinstance(node, cst.For | cst.While) for node in walk(function.node))
    if len(places) != 1 or loops != 1:
        return None
    before, after = statements[: places[0]], statements[places[0] + 1 :]
    loop = cst.ensure_type(statements[places[0]], cst.For)
    bounds = _bounds(loop)
    total = _total(loop)
    if bounds is None or total is None or not _begins_at_zero(total, before):
        return None
    marching = _carried(loop, total, {name for statement in after for name in names_in(statement)})
    stored = _stored(after, total)
    calls = [called(node) or "" for s in before for node in walk(s) if isinstance(node, cst.Call)]
    if marching is None or stored is None or any("store" in call or "atomic" in call for call in calls):
        return None
    (end, step), (pointer, aliases) = bounds, stored
    return ProductLoop(
        before=before, loop=loop, after=after, total=total, end=end, step=step, marching=marching,
        pointer=pointer, aliases=aliases,
    )  # fmt: skip


def _bounds(loop: cst.For) -> tuple[str, str | None] | None:
    """Return the end and the step of a loop over a range from 0 whose bounds stay as they are."""
    iterable = loop.iter
    if not (isinstance(iterable, cst.Call) and called(iterable) in ("range", "tl.range")):
        return None
    named = [arg.keyword.value for arg in iterable.args if arg.keyword is not None]
    bounds = [arg.value for arg in iterable.args if arg.keyword is None and not arg.star]
    if (
        len(bounds) + len(named) < len(iterable.args)
        or "step" in named
        or not isinstance(loop.target, cst.Name)
    ):
        return None
    if not 1 <= len(bounds) <= 3:
        return None
    zero = len(bounds) == 1 or (isinstance(bounds[0], cst.Integer) and bounds[0].evaluated_value == 0)
    changing = bound_names(loop)
    if not zero or not all(is_pure(bound) and not names_in(bound) & changing for bound in bounds):
        return None
    if len(bounds) == 1:
        return code_of(bounds[0]), None
    return code_of(bounds[1]), code_of(bounds[2]) if len(bounds) == 3 else None


def _total(loop: cst.For) -> str | None:
    """Return the name that a loop adds one product to in each turn, and uses for nothing else."""
    for statement in loop.body.body:
        name = _added_product(statement)
        if name and isinstance(statement, cst.SimpleStatementLine):
            augmented = isinstance(statement.body[0], cst.AugAssign)
            mentions = sum(_mentions(name, each) for each in loop.body.body)
            return name if mentions == (1 if augmented else 2) else None
    return None


def _mentions(name: str, node: cst.CSTNode) -> int:
    """Return how often a node reads or binds a variable."""
    nodes = list(walk(node))
    keywords = {id(each.keyword) for each in nodes if isinstance(each, cst.Arg)}
    return sum(isinstance(n, cst.Name) and n.value == name and id(n) not in keywords for n in nodes)


def _added_product(statement: cst.CSTNode) -> str:
    """Return the name in `name += tl.dot(a, b)`, `name = tl.dot(a, b, name)` or `name = name + ...`."""
    match statement:
        case cst.SimpleStatementLine(
            body=[cst.AugAssign(target=cst.Name(value=name), operator=cst.AddAssign(), value=dot)]
        ) if _is_dot(dot) and argument(cst.ensure_type(dot, cst.Call), 2, "acc") is None:
            return name
    if not isinstance(statement, cst.SimpleStatementLine):
        return ""
    name, value = assigned_by(statement)
    if _is_dot(value) and _is_name(argument(cst.ensure_type(value, cst.Call), 2, "acc"), name):
        return name
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Add):
        pair = (value.left, value.right)
        if any(_is_name(one, name) and _is_dot(two) for one, two in (pair, pair[::-1])):
            return name
    return ""


def _is_dot(node: cst.CSTNode | None) -> bool:
    return isinstance(node, cst.Call) and called(node) == "tl.dot" and is_pure(node)


def _is_name(node: cst.CSTNode | None, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


def _begins_at_zero(total: str, before: Sequence[cst.CSTNode]) -> bool:
    """Return whether the last statement on the sum before the loop makes it zeros in float32."""
    mentions = [statement for statement in before if total in names_in(statement)]
    if not mentions or not isinstance(mentions[-1], cst.SimpleStatementLine):
        return False
    name, value = assigned_by(mentions[-1])
    return (
        name == total and called(value) == "tl.zeros" and "tl.float32" in code_of(value) if value else False
    )


def _carried(loop: cst.For, total: str, later: set[str]) -> dict[str, str] | None:
    """Return what advances from turn to turn besides the sum; None if anything is carried in another way."""
    variable = cst.ensure_type(loop.target, cst.Name).value
    changing = bound_names(loop)
    marching: dict[str, str] = {}
    known = {variable, total}
    read: set[str] = set()
    for statement in loop.body.body:
        match statement:
            case cst.SimpleStatementLine(
                body=[cst.AugAssign(target=cst.Name(value=name), operator=cst.AddAssign(), value=step)]
            ) if name != total:
                if name in known | marching.keys() or not is_pure(step) or names_in(step) & changing:
                    return None
                marching[name] = code_of(step)
            case cst.SimpleStatementLine(body=[cst.Assign() | cst.AugAssign()]):
                name, value = assigned_by(statement)
                if name in marching:
                    return None
                read |= names_in(statement if value is None else value) - known
                known |= {name} if value is not None else bound_names(statement)
            case _:
                return None
    calls = [node for s in loop.body.body for node in walk(s) if isinstance(node, cst.Call)]
    pure = all(is_pure_call(call) or called(call) == "tl.load" for call in calls)
    local = changing - {total} - marching.keys()
    return marching if pure and not read & local and not later & (changing - {total}) else None


def _stored(after: Sequence[cst.CSTNode], total: str) -> tuple[cst.BaseExpression, frozenset[str]] | None:
    """Return where the statements behind a loop store the sum, and the names that it goes by."""
    aliases, pointer = {total}, None
    for statement in after:
        match statement:
            case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Call() as call)]) if (
                called(call) == "tl.store"
            ):
                where, what = argument(call, 0, "pointer"), argument(call, 1, "value")
                rest = [arg.value for arg in call.args if arg.value is not what]
                if pointer is not None or where is None or what is None or uncast(what, aliases) is None:
                    return None
                if any(names_in(each) & aliases for each in rest):
                    return None
                pointer = where
            case cst.SimpleStatementLine(body=[cst.Assign()]):
                name, value = assigned_by(statement)
                if value is None or not is_pure(value) or name in aliases:
                    return None
                if uncast(value, aliases) is not None:
                    aliases.add(name)
                elif names_in(value) & aliases:
                    return None
            case _:
                return None
    return None if pointer is None else (pointer, frozenset(aliases))


def uncast(node: cst.CSTNode, aliases: Collection[str]) -> cst.Name | None:
    """Return the name of the sum in `sum.to(dtype)`, or in the name alone; None for anything else."""
    while (
        isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "to"
    ):
        node = node.func.value
    return node if isinstance(node, cst.Name) and node.value in aliases else None
