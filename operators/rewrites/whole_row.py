"""A row in one block, or two: the passes over a row become one, and the row is loaded once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.divisors import divisors
from operators.syntax.edits import Change, becomes, with_body
from operators.syntax.kernel_module import JitFunction, KernelModule, Launch
from operators.syntax.literals import expressions_behind, literals_of, strings_in
from operators.syntax.loads import merge_loads
from operators.syntax.nodes import called, names_in
from operators.syntax.row_loops import RowLoop, at_start, row_loop
from operators.syntax.two_blocks import in_two_blocks
from operators.syntax.values import code_of


def whole_row(module: KernelModule, function: JitFunction) -> Iterator[Variant]:
    """Yield the variants of a function with at least two loops over a row that hold it in one block, or two.

    Each launch sets the block to `triton.next_power_of_2(length)`, so that every loop would run once: its
    body stands there for the block at 0, and loads that repeat an earlier one take its value. Nothing is
    yielded where the size of the block means anything else to the kernel, the grid or other arguments.
    """
    loops = [loop for s in function.node.body.body if (loop := row_loop(s, function)) is not None]
    launches = module.launches_of(function)
    if len(loops) < 2 or not all(loop.alike(loops[0]) for loop in loops) or function.autotuned:
        return
    step, length = loops[0].step, loops[0].length
    others = (f for f in module.functions.values() if f is not function)
    if any(function.node in other.reach for other in others) or not module.imports_triton:
        return
    if not launches or not all(_frees(launch, step, length, module.module) for launch in launches):
        return
    body = _unrolled(function, loops)
    if body is None:
        return
    rows = {launch: code_of(launch.bound[length].value) for launch in launches}
    edits: dict[cst.CSTNode, Change] = {function.node.body: with_body(body)}
    for launch, row in rows.items():
        edits[launch.bound[step].value] = becomes(f"triton.next_power_of_2({row})")
    made = f"{function.name} {len(loops)} loops over {length} ->"
    yield Variant(f"{made} one block of the whole row", module.module, edits)
    split = in_two_blocks(body, function, step)
    if split is not None:
        yield Variant(f"{made} two blocks of the whole row", module.module, split.edits(function, rows))


def _frees(launch: Launch, step: str, length: str, module: cst.Module) -> bool:
    """Return whether a launch gives both, and neither grid nor other arguments depend on the step."""
    if step not in launch.bound or length not in launch.bound or launch.spread:
        return False
    value = launch.bound[step].value
    given = [argument.value for name, argument in launch.bound.items() if name != step]
    behind = expressions_behind([*launch.grid, *given], launch.host)
    if step in strings_in(behind) or (
        isinstance(value, cst.Name) and any(value.value in names_in(e) for e in behind)
    ):
        return False
    sizes = {literal.evaluated_value for literal in literals_of(value, launch.host, module)}
    return not any(divisors(behind, size)[0] for size in sizes)


def _unrolled(function: JitFunction, loops: Sequence[RowLoop]) -> list[cst.BaseStatement] | None:
    """Return the function's statements with each loop's body taken once; None if that saves no load."""
    by_node = {loop.node: loop for loop in loops}
    statements: list[cst.BaseStatement] = []
    for statement in function.node.body.body:
        if not isinstance(statement, cst.BaseStatement):
            return None
        loop = by_node.get(statement) if isinstance(statement, cst.For) else None
        taken = [statement] if loop is None else at_start(loop)
        if taken is None:
            return None
        statements.extend(taken)
    merged = merge_loads(statements, names_in(function.node))
    free = all(_only_shapes(statement, loops[0].step) for statement in merged.statements)
    return merged.statements if merged.saved and free else None


def _only_shapes(node: cst.CSTNode, name: str) -> bool:
    """Return whether a name stands only where it says how long a block is."""
    if isinstance(node, cst.Name):
        return node.value != name
    if called(node) in ("tl.arange", "tl.zeros", "tl.full"):
        return True
    return all(_only_shapes(child, name) for child in node.children)
