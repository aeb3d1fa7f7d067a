"""As many programs as the device holds at once, each walking over tiles, instead of one a tile; and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import libcst as cst

from operators.rewrites.family import Variant
from operators.syntax.counts import Count, count_along
from operators.syntax.edits import Change, Edits, together, with_body
from operators.syntax.grids import Grid, grids_of
from operators.syntax.kernel_module import JitFunction, KernelModule, read_module
from operators.syntax.nodes import dotted, fresh_name, names_in, walk
from operators.syntax.parameters import appends_parameters, takes_parameters
from operators.syntax.programs import can_repeat, program_axes, repeated, walks_tiles
from operators.syntax.walks import walk_over_all

SHARES = (2, 4, 8, 16)  # programs for each unit of the device
_UNITS = "torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count"
_WORDS = ("n_wide", "n_high", "n_deep")


class Persistent:
    """The family `persistent`."""

    name = "persistent"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return the ways to walk for each kernel that does not, and the way back for each that does."""
        read = read_module(module)
        return [
            variant
            for function in read.functions.values()
            for way in (_walking, _walking_no_more)
            for variant in way(function, read)
        ]


def _walking(function: JitFunction, module: KernelModule) -> Iterator[Variant]:
    grids = grids_of(module, module.launches_of(function))
    axes = program_axes(function, module)
    if not grids or not axes or walks_tiles(function) or not _imports_torch(module.module):
        return
    if not (can_repeat(function) and takes_parameters(function)):
        return
    if len({len(grid.counts) for grid in grids}) > 1 or max(axes) >= len(grids[0].counts):
        return
    for share in SHARES:
        summary = f"{function.name} one program a tile -> {share} a unit, walking over tiles"
        yield Variant(summary, module.module, _walked(function, share, grids))


def _imports_torch(module: cst.Module) -> bool:
    imports = (node for node in walk(module) if isinstance(node, cst.Import))
    return any(dotted(a.name) == "torch" and a.asname is None for each in imports for a in each.names)


def _walked(function: JitFunction, share: int, grids: Sequence[Grid]) -> Edits:
    taken = names_in(function.node)
    tile, total = fresh_name("tile", taken), fresh_name("n_tiles", taken)
    if len(grids[0].counts) == 1:
        along = [count_along(0, function, grids, "n_tiles")]
        total, places = along[0].parameter, {0: tile}
    else:
        along = [count_along(axis, function, grids, _WORDS[axis]) for axis in range(len(grids[0].counts))]
        places = _places(tile, [count.parameter for count in along])
    body = repeated(function, f"for {tile} in range(tl.program_id(0), {total}, tl.num_programs(0))", places)
    told = [*along[:-1]] if len(along) > 1 else along  # the last is needed for the total only
    new = [count.parameter for count in told if not count.known]
    kernel: dict[cst.CSTNode, Change] = {
        function.node.body: with_body(body),
        function.node.params: appends_parameters([*new, *([total] if len(along) > 1 else [])], []),
    }
    launches = [_launched(grid, at, along, told, total, share) for at, grid in enumerate(grids)]
    return together([kernel, *launches])


def _places(tile: str, counts: Sequence[str]) -> dict[int, str]:
    """Return where a tile lies, by its number; the first axis runs fastest."""
    wide, *more = counts
    if len(more) == 1:
        return {0: f"({tile} % {wide})", 1: f"({tile} // {wide})"}
    return {
        0: f"({tile} % {wide})",
        1: f"({tile} // {wide} % {more[0]})",
        2: f"({tile} // {wide} // {more[0]})",
    }


def _launched(
    grid: Grid, at: int, along: Sequence[Count], told: Sequence[Count], total: str, share: int
) -> Edits:
    host = grid.launch.host
    units = fresh_name("units", names_in(host))
    lines = [*chain.from_iterable(count.lines[at] for count in along)]
    arguments = {count.parameter: count.host[at] for count in told if not count.known}
    tiles = along[0].host[at]
    if len(along) > 1:
        tiles = fresh_name("n_tiles", names_in(host))
        lines.append(f"{tiles} = {' * '.join(count.host[at] for count in along)}")
        arguments[total] = tiles
    lines.append(f"{units} = {_UNITS}")
    return grid.edits([f"min({tiles}, {share} * {units})"], arguments, before=lines)


def _walking_no_more(function: JitFunction, module: KernelModule) -> Iterator[Variant]:
    grids = grids_of(module, module.launches_of(function))
    way = walk_over_all(function, module)
    if not grids or way is None or any(way.total not in grid.launch.bound for grid in grids):
        return
    edits: list[Edits] = [{function.node.body: with_body(way.once())}]
    edits.extend(grid.edits([_code(grid, way.total)], {}) for grid in grids)
    summary = f"{function.name} walking over tiles -> one program a tile"
    yield Variant(summary, module.module, together(edits))


def _code(grid: Grid, parameter: str) -> str:
    return cst.Module([]).code_for_node(grid.launch.bound[parameter].value)
