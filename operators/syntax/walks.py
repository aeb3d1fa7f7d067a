"""Loops by which the programs of a kernel share all tiles out among them."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst
import msgspec

from operators.syntax.kernel_module import JitFunction, KernelModule
from operators.syntax.nodes import bound_names, called, walk
from operators.syntax.programs import axis_of
from operators.syntax.values import is_pure


class Walk(msgspec.Struct, frozen=True, eq=False):
    """A kernel whose last statement is `for tile in range(tl.program_id(0), total, tl.num_programs(0))`.

    Attributes:
        before: the statements before the loop, which only compute.
        loop: the loop.
        tile: its variable.
        total: the parameter that holds how many tiles there are.
    """

    before: Sequence[cst.BaseStatement]
    loop: cst.For
    tile: str
    total: str

    def once(self) -> list[cst.BaseStatement]:
        """Return the kernel's statements for a program that takes one tile, that of its number."""
        first, *rest = self.loop.body.body
        place = cst.parse_statement(f"{self.tile} = tl.program_id(0)")
        place = place.with_changes(leading_lines=self.loop.leading_lines)
        return [*self.before, place, first, *rest]


def walk_over_all(function: JitFunction, module: KernelModule) -> Walk | None:
    """Return the walk of a kernel, if every tile does the same whatever tile its program took before it."""
    if any(function.node in other.reach for other in module.functions.values() if other is not function):
        return None
    *before, loop = function.node.body.body
    if not (isinstance(loop, cst.For) and isinstance(loop.target, cst.Name) and loop.orelse is None):
        return None
    ends = _bounds(loop.iter)
    total = ends[1] if len(ends) == 3 else None
    if not isinstance(total, cst.Name) or total.value not in function.parameters:
        return None
    if (
        axis_of(ends[0]) != 0
        or called(ends[2]) != "tl.num_programs"
        or not isinstance(loop.body, cst.IndentedBlock)
    ):
        return None
    mentions = [n.value for n in function.body() if isinstance(n, cst.Name) and n.value in _PLACES]
    leaves = any(isinstance(n, cst.Break | cst.Continue | cst.Return) for n in walk(loop.body))
    inside = bound_names(loop.body)
    outside = {*function.parameters, loop.target.value}.union(*map(bound_names, before))
    if sorted(mentions) != sorted(_PLACES) or leaves or inside & outside:
        return None
    if not all(map(_only_computes, before)):
        return None
    return Walk(before=before, loop=loop, tile=loop.target.value, total=total.value)  # type: ignore[arg-type]


_PLACES = ("num_programs", "program_id")


def _bounds(iterable: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Return the three bounds of a range whose further arguments are keywords."""
    if not (isinstance(iterable, cst.Call) and called(iterable) in ("range", "tl.range")):
        return []
    if any(
        each.star or (each.keyword is not None and each.keyword.value == "step") for each in iterable.args
    ):
        return []
    return [each.value for each in iterable.args if each.keyword is None]


def _only_computes(statement: cst.CSTNode) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    parts = [part.value for part in statement.body if isinstance(part, cst.Assign | cst.Expr)]
    return len(parts) == len(statement.body) and all(map(is_pure, parts))
