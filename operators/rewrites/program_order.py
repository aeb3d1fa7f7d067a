"""The order in which programs take the tiles of a grid, so that neighbours in time share what caches hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import libcst as cst

from operators.rewrites.family import Backend, Variant
from operators.syntax.edits import Change, Edits, together, with_body
from operators.syntax.grids import Grid, grids_of
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.nodes import called, fresh_name, names_in, walk
from operators.syntax.parameters import appends_parameters, takes_parameters
from operators.syntax.programs import asks, program_axes, renumbered, statement_of
from operators.syntax.splits import split_of

GROUPS = (4, 8, 16)
DIES = 8  # of MI300X: programs are dealt to them in turn
_SWIZZLE = "tl.swizzle2d"
_Way = Callable[[JitFunction, KernelModule, Sequence[Grid]], Iterator[Variant]]


class ProgramOrder:
    """The family `program_order`."""

    name = "program_order"

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with: only HIP's devices have several dies."""
        self._backend = backend

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return for each kernel the other orders of its programs; each computes every tile once."""
        read = read_module(module)
        ways: tuple[_Way, ...] = (_swapped, _grouped, _grouped_in_line, _in_line_again)
        if self._backend == "hip":
            ways = (*ways, _by_die)
        return [
            variant
            for function in read.functions.values()
            if (grids := grids_of(read, read.launches_of(function)))
            for way in ways
            for variant in way(function, read, grids)
        ]


def _swapped(function: JitFunction, module: KernelModule, grids: Sequence[Grid]) -> Iterator[Variant]:
    """Yield the variant whose second axis runs fastest."""
    if program_axes(function, module) != frozenset({0, 1}) or not _of_axes(grids, 2):
        return
    places = {0: "tl.program_id(1)", 1: "tl.program_id(0)"}
    kernel: Edits = {function.node.body: with_body(renumbered(function, places))}
    launches = [grid.edits([grid.counts[1], grid.counts[0]], {}) for grid in grids]
    yield Variant(f"{function.name} axes swapped", module.module, together([kernel, *launches]))


def _grouped(function: JitFunction, module: KernelModule, grids: Sequence[Grid]) -> Iterator[Variant]:
    """Yield the variants that take a few tiles of the second axis before the next of the first."""
    if (
        program_axes(function, module) != frozenset({0, 1})
        or not _of_axes(grids, 2)
        or not takes_parameters(function)
    ):
        return
    taken = names_in(function.node)
    across, down, group = (fresh_name(word, taken) for word in ("across", "down", "GROUP"))
    sizes = "tl.num_programs(1), tl.num_programs(0)"
    line = f"{down}, {across} = {_SWIZZLE}(tl.program_id(1), tl.program_id(0), {sizes}, {group})"
    body = renumbered(function, {0: across, 1: down}, before=[line])
    yield from _in_groups(function, module, grids, group, body)


def _grouped_in_line(function: JitFunction, module: KernelModule, grids: Sequence[Grid]) -> Iterator[Variant]:
    """Yield the same for a grid of one axis that the kernel splits into `pid // n` and `pid % n`."""
    if (
        program_axes(function, module) != frozenset({0})
        or not _of_axes(grids, 1)
        or not takes_parameters(function)
    ):
        return
    split = split_of(function)
    if split is None:
        return
    group = fresh_name("GROUP", names_in(function.node))
    sizes = f"tl.num_programs(0) // {split.divisor}, {split.divisor}"
    line = statement_of(
        f"{split.quotient}, {split.rest} = {_SWIZZLE}({split.quotient}, {split.rest}, {sizes}, {group})"
    )
    statements = [s for s in function.node.body.body if isinstance(s, cst.BaseStatement)]
    body = [*statements[: split.end], line, *statements[split.end :]]
    yield from _in_groups(function, module, grids, group, body)


def _in_groups(
    function: JitFunction,
    module: KernelModule,
    grids: Sequence[Grid],
    group: str,
    body: Sequence[cst.BaseStatement],
) -> Iterator[Variant]:
    for size in GROUPS:
        kernel: dict[cst.CSTNode, Change] = {
            function.node.body: with_body(body),
            function.node.params: appends_parameters([], [group]),
        }
        launches = [grid.edits(grid.counts, {group: str(size)}) for grid in grids]
        yield Variant(
            f"{function.name} tiles in groups of {size}", module.module, together([kernel, *launches])
        )


def _in_line_again(function: JitFunction, module: KernelModule, grids: Sequence[Grid]) -> Iterator[Variant]:
    """Yield the variant without `tl.swizzle2d`."""
    del grids
    for node in walk(function.node):
        if isinstance(node, cst.Call) and called(node) == _SWIZZLE and len(node.args) == 5:
            first, second = (cst.Module([]).code_for_node(arg.value) for arg in node.args[:2])
            change = _becomes(f"({first}, {second})")
            yield Variant(f"{function.name} tiles in groups no more", module.module, {node: change})
            return


def _becomes(code: str) -> Change:
    return lambda _: cst.parse_expression(code)


def _by_die(function: JitFunction, module: KernelModule, grids: Sequence[Grid]) -> Iterator[Variant]:
    """Yield the variant in which the programs of a die take tiles that are neighbours."""
    axes = program_axes(function, module, counted=True)
    several = axes is not None and axes <= {0, 1} and _of_axes(grids, 2)
    if _knows_dies(function) or not axes or not (several or (axes == frozenset({0}) and _of_axes(grids, 1))):
        return
    taken = names_in(function.node)
    names = {word: fresh_name(word, taken) for word in ("wide", "number", "total", "die", "place")}
    lines, places = _dealt(names, 2 if several else 1)
    body = renumbered(function, places, before=lines)
    summary = f"{function.name} neighbouring tiles on one of {DIES} dies"
    yield Variant(summary, module.module, {function.node.body: with_body(body)})


def _dealt(names: Mapping[str, str], axes: int) -> tuple[list[str], dict[int, str]]:
    """Return the lines that work out a program's tile, and where that lies along each axis.

    Die d has the programs d, d + 8, …: as many as fit, one more where there is a rest. It takes as many tiles
    behind one another, after those of the dies before it.
    """
    wide, number, total, die, place = (names[w] for w in ("wide", "number", "total", "die", "place"))
    dealt = (
        f"{place} = {die} * ({total} // {DIES}) + tl.minimum({die}, {total} % {DIES}) + {number} // {DIES}"
    )
    if axes == 1:
        first = [f"{number} = tl.program_id(0)", f"{total} = tl.num_programs(0)"]
        return [*first, f"{die} = {number} % {DIES}", dealt], {0: place}
    lines = [
        f"{wide} = tl.num_programs(0)",
        f"{number} = tl.program_id(1) * {wide} + tl.program_id(0)",
        f"{total} = {wide} * tl.num_programs(1)",
        f"{die} = {number} % {DIES}",
        dealt,
    ]
    return lines, {0: f"({place} % {wide})", 1: f"({place} // {wide})"}


def _knows_dies(function: JitFunction) -> bool:
    """Return whether a function takes what depends on its place modulo the number of dies."""
    placed: set[str] = set()
    for statement in function.node.body.body:
        for node in walk(statement):
            if isinstance(node, cst.Assign) and asks(node.value):
                placed |= {name for target in node.targets for name in names_in(target.target)}
            if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
                by = node.right.evaluated_value if isinstance(node.right, cst.Integer) else None
                if by == DIES and (asks(node.left) or names_in(node.left) & placed):
                    return True
    return False


def _of_axes(grids: Sequence[Grid], axes: int) -> bool:
    return all(len(grid.counts) == axes for grid in grids)
