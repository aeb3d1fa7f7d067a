"""Kernels whose programs can be renumbered: what a program is told of its place becomes an expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst

from operators.syntax.kernel_module import JitFunction, KernelModule
from operators.syntax.nodes import argument, bound_names, called, dotted, fresh_name, names_in, walk
from operators.syntax.variables import Rename

_PLACES = ("program_id", "num_programs")
_WAITING = ("atomic_cas", "atomic_xchg")  # how programs wait for one another


def program_axes(
    function: JitFunction, module: KernelModule, *, counted: bool = False
) -> frozenset[int] | None:
    """Return the axes of the grid that a function asks its place on; None if it may depend on it otherwise.

    A function that other functions call, that asks how many programs there are (unless `counted`), whose
    helpers ask for their place, or that may wait for other programs, cannot be renumbered.
    """
    if any(function.node in other.reach for other in module.functions.values() if other is not function):
        return None
    axes: set[int] = set()
    for node in function.body():
        name = dotted(node) or "" if isinstance(node, cst.Attribute | cst.Name) else ""
        if name.split(".")[-1] in _WAITING or isinstance(node, cst.Global | cst.Nonlocal | cst.Lambda):
            return None
    own = [node for node in walk(function.node) if called(node) == "tl.program_id"]
    for call in own:
        axis = argument(cst.ensure_type(call, cst.Call), 0, "axis")
        if not isinstance(axis, cst.Integer) or axis.evaluated_value > 2 or len(call.args) != 1:  # type: ignore[attr-defined]
            return None
        axes.add(axis.evaluated_value)
    known = {"tl.program_id", "tl.num_programs"} if counted else {"tl.program_id"}
    calls = sum(called(node) in known for node in walk(function.node))
    mentions = sum(isinstance(node, cst.Name) and node.value in _PLACES for node in function.body())
    return frozenset(axes) if mentions == calls else None


def axis_of(call: cst.CSTNode) -> int | None:
    """Return the axis that a call of `tl.program_id` asks for; None for anything else."""
    axis = (
        argument(call, 0, "axis") if isinstance(call, cst.Call) and called(call) == "tl.program_id" else None
    )
    return axis.evaluated_value if isinstance(axis, cst.Integer) else None


class Renumbered(cst.CSTTransformer):
    """Puts expressions for the places that a program asks for, by axis."""

    def __init__(self, places: Mapping[int, str]) -> None:
        super().__init__()
        self._places = places

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        """Return the expression of an axis that has one."""
        axis = axis_of(original_node)
        place = None if axis is None else self._places.get(axis)
        return updated_node if place is None else cst.parse_expression(place)


def can_repeat(function: JitFunction) -> bool:
    """Return whether the body of a function may stand in a loop: it returns nowhere, and defines nothing."""
    inner = (node for statement in function.node.body.body for node in walk(statement))
    return (
        isinstance(function.node.body, cst.IndentedBlock)
        and not any(isinstance(node, cst.Return | cst.FunctionDef | cst.ClassDef | cst.Del) for node in inner)
        and not bound_names(function.node.body) & function.constexprs
    )


def repeated(
    function: JitFunction, header: str, places: Mapping[int, str], before: Sequence[str] = ()
) -> list[cst.BaseStatement]:
    """Return a function's statements in a loop with this header, renumbered; the docstring stays before it.

    Parameters that the body assigns to start each turn anew, under names of their own.

    Args:
        function: one that `can_repeat`.
        header: such as `for tile in range(4)`.
        places: what stands for `tl.program_id` of each axis.
        before: lines before the loop.
    """
    told, statements = _apart(function)
    taken = names_in(function.node)
    rebound = sorted(bound_names(function.node.body) & set(function.parameters))
    own = {name: fresh_name(f"{name}_now", taken) for name in rebound}
    block = cst.ensure_type(function.node.body, cst.IndentedBlock)
    body = block.with_changes(body=statements, header=cst.TrailingWhitespace())
    for change in (Renumbered(places), Rename(own)):
        body = cst.ensure_type(body.visit(change), cst.IndentedBlock)
    begins = [cst.parse_statement(f"{new} = {old}") for old, new in own.items()]
    loop = cst.ensure_type(cst.parse_statement(f"{header}:\n    pass\n"), cst.For)
    loop = loop.with_changes(body=body.with_changes(body=[*begins, *body.body]))
    return [*told, *(statement_of(line) for line in before), loop]


def renumbered(
    function: JitFunction, places: Mapping[int, str], before: Sequence[str] = ()
) -> list[cst.BaseStatement]:
    """Return a function's statements, renumbered, behind its docstring and lines that are not.

    Args:
        function: whose statements.
        places: what stands for `tl.program_id` of each axis.
        before: the lines.
    """
    told, statements = _apart(function)
    block = cst.IndentedBlock(body=statements).visit(Renumbered(places))
    body = cst.ensure_type(block, cst.IndentedBlock).body
    return [*told, *(statement_of(line) for line in before), *body]


def _apart(function: JitFunction) -> tuple[list[cst.BaseStatement], list[cst.BaseStatement]]:
    """Return the docstring of a function, if it has one, and its statements."""
    statements = [s for s in function.node.body.body if isinstance(s, cst.BaseStatement)]
    length = 1 if statements and is_docstring(statements[0]) else 0
    return statements[:length], statements[length:]


def statement_of(line: str) -> cst.BaseStatement:
    """Return a line of source as a statement."""
    return cst.ensure_type(cst.parse_statement(line), cst.SimpleStatementLine)


def walks_tiles(function: JitFunction) -> bool:
    """Return whether a loop of a function goes over numbers that depend on the place of its program."""
    placed: set[str] = set()
    for statement in function.node.body.body:
        loops = [node for node in walk(statement) if isinstance(node, cst.For)]
        if any(asks(loop.iter) or names_in(loop.iter) & placed for loop in loops):
            return True
        if not loops and asks(statement):
            placed |= bound_names(statement)
    return False


def asks(node: cst.CSTNode) -> bool:
    """Return whether anything in a node is a program's place, or how many programs there are."""
    return any(axis_of(inner) is not None or called(inner) == "tl.num_programs" for inner in walk(node))


def is_docstring(statement: cst.BaseStatement) -> bool:
    """Return whether a statement is a string that stands by itself."""
    only = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
    return isinstance(only, cst.Expr) and isinstance(only.value, cst.SimpleString)
