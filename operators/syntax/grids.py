"""The grid of a launch: how many programs there are along each axis, in the host's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst
import msgspec

from operators.syntax.edits import Change, Edits, appends_keyword, becomes, in_place_of_one
from operators.syntax.kernel_module import KernelModule, Launch
from operators.syntax.literals import assigned
from operators.syntax.nodes import children, names_in, walk
from operators.syntax.values import code_of

MOST_AXES = 3


class Grid(msgspec.Struct, frozen=True, eq=False):
    """The grid of a launch that can be given another.

    Attributes:
        launch: the launch.
        line: the line that it stands in.
        counts: the host's expressions for the programs along each axis.
    """

    launch: Launch
    line: cst.SimpleStatementLine
    counts: tuple[str, ...]

    def edits(
        self,
        counts: Sequence[str],
        arguments: Mapping[str, str],
        *,
        before: Sequence[str] = (),
        after: Sequence[str] = (),
        instead: Mapping[str, str] | None = None,
    ) -> Edits:
        """Return the edits that launch with other counts, further arguments and lines around the launch.

        Args:
            counts: the new counts, in the host's words.
            arguments: arguments to append, by keyword.
            before: lines to put before the one of the launch.
            after: lines to put behind it.
            instead: new values of arguments that the launch has, by parameter.
        """
        edits: dict[cst.CSTNode, Change] = {
            self.launch.call: _launched(counts, arguments),
            self.line: _between(before, after),
        }
        for name, code in (instead or {}).items():
            edits[self.launch.bound[name].value] = becomes(code)
        return edits


def grids_of(module: KernelModule, launches: Sequence[Launch]) -> list[Grid] | None:
    """Return the grids of the launches; None if any cannot be told, or hides arguments behind `*` or `**`."""
    grids = []
    for launch in launches:
        line = _line_of(launch)
        counts = None if launch.spread else _counts(launch)
        if line is None or counts is None or not 1 <= len(counts) <= MOST_AXES:
            return None
        grids.append(Grid(launch=launch, line=line, counts=counts))
    return grids if module.imports_triton else None


def _line_of(launch: Launch) -> cst.SimpleStatementLine | None:
    """Return the line that is the launch and nothing else."""
    for node in walk(launch.host):
        if isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1:
            only = node.body[0]
            if isinstance(only, cst.Expr) and only.value is launch.call:
                return node
    return None


def _counts(launch: Launch) -> tuple[str, ...] | None:
    indices = [element.slice for element in launch.call.func.slice]  # type: ignore[attr-defined]
    values = [index.value for index in indices if isinstance(index, cst.Index) and index.star is None]
    if len(values) != len(indices):
        return None
    if len(values) > 1:
        return tuple(_code(value) for value in values)
    grid = values[0]
    if isinstance(grid, cst.Name):
        return _counts_of_name(grid.value, launch)
    if isinstance(grid, cst.Lambda):
        return _counts_of_lambda(grid, launch)
    return _elements(grid)


def _counts_of_name(name: str, launch: Launch) -> tuple[str, ...] | None:
    """Return the counts of a grid that has a name: its items, or what the lambda of that name returns."""
    bindings = [
        n for n in walk(launch.host) if isinstance(n, cst.AssignTarget | cst.AnnAssign | cst.AugAssign)
    ]
    values = list(assigned(name, [launch.host]))
    if len(values) != 1 or sum(name in names_in(binding.target) for binding in bindings) != 1:
        return None
    if isinstance(values[0], cst.Lambda):
        return _counts_of_lambda(values[0], launch)
    elements = _elements(values[0])
    return None if elements is None else tuple(f"{name}[{axis}]" for axis in range(len(elements)))


def _elements(grid: cst.BaseExpression) -> tuple[str, ...] | None:
    if not isinstance(grid, cst.Tuple) or any(isinstance(e, cst.StarredElement) for e in grid.elements):
        return None
    return tuple(_code(element.value) for element in grid.elements)


def _code(node: cst.BaseExpression) -> str:
    """Return the source of an expression that may stand anywhere."""
    code = code_of(node)
    return f"({code})" if "\n" in code and not getattr(node, "lpar", ()) else code


def _counts_of_lambda(grid: cst.Lambda, launch: Launch) -> tuple[str, ...] | None:
    """Return what a lambda returns, with the launch's own arguments in place of `meta["BLOCK"]`."""
    names = [parameter.name.value for parameter in grid.params.params]
    if len(names) != 1 or launch.kernel.autotuned:
        return None
    body = grid.body.visit(_Filled(names[0], launch))
    if not isinstance(body, cst.BaseExpression) or names[0] in names_in(body):
        return None
    return _elements(body)


class _Filled(cst.CSTTransformer):
    """Puts the arguments of a launch for the items of a name."""

    def __init__(self, name: str, launch: Launch) -> None:
        super().__init__()
        self._name = name
        self._launch = launch

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        """Return the argument that an item stands for."""
        given = self._launch.bound.get(_key(original_node, self._name))
        if given is None:
            return updated_node
        value = given.value
        if children(value) and not isinstance(value, cst.Call) and not getattr(value, "lpar", ()):
            return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return value


def _key(node: cst.Subscript, name: str) -> str:
    """Return the key of `name["KEY"]`."""
    if not (isinstance(node.value, cst.Name) and node.value.value == name and len(node.slice) == 1):
        return ""
    index = node.slice[0].slice
    value = index.value if isinstance(index, cst.Index) else None
    return str(value.evaluated_value) if isinstance(value, cst.SimpleString) else ""


def _launched(counts: Sequence[str], arguments: Mapping[str, str]) -> Change:
    grid = cst.parse_expression(f"kernel[({', '.join(counts)}{',' * (len(counts) == 1)})]")
    subscript = cst.ensure_type(grid, cst.Subscript).slice

    def change(node: cst.CSTNode) -> cst.CSTNode:
        call = cst.ensure_type(node, cst.Call)
        node = call.with_changes(func=call.func.with_changes(slice=subscript))
        for name, value in arguments.items():
            node = appends_keyword(name, value)(node)
        return node

    return change


def _between(before: Sequence[str], after: Sequence[str]) -> Change:
    """Return the change of a line into itself with lines before and behind it."""

    def change(node: cst.CSTNode) -> cst.CSTNode:
        line = cst.ensure_type(node, cst.SimpleStatementLine)
        made = [cst.parse_statement(code) for code in before]
        if made:
            made[0] = made[0].with_changes(leading_lines=line.leading_lines)
            line = line.with_changes(leading_lines=())
        lines = [*made, line, *(cst.parse_statement(code) for code in after)]
        return in_place_of_one(lines)

    return change
