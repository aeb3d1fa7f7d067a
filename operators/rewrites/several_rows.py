"""Several rows a program: a program takes neighbouring rows, or tiles, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.counts import count_along
from operators.syntax.edits import Change, Edits, together, with_body
from operators.syntax.grids import Grid, grids_of
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.nodes import fresh_name, names_in
from operators.syntax.parameters import appends_parameters, takes_parameters
from operators.syntax.programs import can_repeat, program_axes, repeated, walks_tiles

GROUPS = (2, 4, 8)


class SeveralRows:
    """The family `several_rows`."""

    name = "several_rows"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return one variant for each kernel, each axis of its grid and each number of tiles a program."""
        read = read_module(module)
        return [variant for function in read.functions.values() for variant in _of(function, read)]


def _of(function: JitFunction, module: KernelModule) -> Iterator[Variant]:
    """Yield nothing for kernels whose programs walk over tiles already: their group may grow instead."""
    grids = grids_of(module, module.launches_of(function))
    axes = program_axes(function, module)
    if not grids or not axes or not (can_repeat(function) and takes_parameters(function)):
        return
    if walks_tiles(function) or any(max(axes) >= len(grid.counts) for grid in grids):
        return
    for axis in sorted(axes):
        for group in GROUPS:
            where = f" along axis {axis}" if len(axes) > 1 else ""
            summary = f"{function.name} {group} tiles a program{where}"
            yield Variant(summary, module.module, _grouped(function, axis, group, grids))


def _grouped(function: JitFunction, axis: int, group: int, grids: Sequence[Grid]) -> Edits:
    total = count_along(axis, function, grids, "n_tiles")
    taken = names_in(function.node)
    size, first, tile = (fresh_name(word, taken) for word in ("GROUP", "first", "tile"))
    place = f"tl.program_id({axis}) * {size}"
    body = repeated(
        function,
        f"for {tile} in range({first}, tl.minimum({first} + {size}, {total.parameter}))",
        {axis: tile},
        before=[f"{first} = {place}"],
    )
    kernel: dict[cst.CSTNode, Change] = {
        function.node.body: with_body(body),
        function.node.params: appends_parameters([] if total.known else [total.parameter], [size]),
    }
    launches = []
    for grid, count, lines in zip(grids, total.host, total.lines, strict=True):
        counts = [*grid.counts]
        counts[axis] = f"triton.cdiv({count}, {group})"
        arguments = {size: str(group)} if total.known else {total.parameter: count, size: str(group)}
        launches.append(grid.edits(counts, arguments, before=lines))
    return together([kernel, *launches])
