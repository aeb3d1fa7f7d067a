"""Tile sizes, with what depends on them: each doubled, halved, quadrupled or quartered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import libcst as cst
import msgspec

from operators.rewrites.family import Variant
from operators.syntax.divisors import divisors
from operators.syntax.edits import Change, Edits, becomes
from operators.syntax.kernel_module import JitFunction, KernelModule, Launch, read_module
from operators.syntax.literals import expressions_behind, literals_of
from operators.syntax.nodes import argument, bound_names, called, names_in, walk

SMALLEST = 16  # what a tile of 16 or more may shrink to
LARGEST = 65_536  # the only tile of a launch
LARGEST_OF_SEVERAL = 8_192  # each of several tiles, whose product is what a program holds
LARGEST_GROUP = 64  # how many tiles are walked together
_TILE = re.compile(r"BLOCK|TILE|CHUNK|GROUP", re.IGNORECASE)
_GROUP = re.compile(r"GROUP", re.IGNORECASE)
_OPTIONS = {"num_warps", "num_stages", "num_ctas", "waves_per_eu", "matrix_instr_nonkdim", "kpack"}


class Tile(msgspec.Struct, eq=False):
    """Literals that move together: a tile size, also where the grid writes it out again.

    Attributes:
        names: what it is called in summaries.
        owners: what takes it, such as `softmax_kernel.BLOCK`.
        size: what the literals say now.
        literals: those that say the size.
        rests: those that say one less, as in `(n + 1023) // 1024`.
        largest: the largest size worth trying.
    """

    names: list[str]
    owners: list[str]
    size: int
    literals: list[cst.Integer]
    rests: list[cst.Integer]
    largest: int

    @property
    def smallest(self) -> int:
        """The smallest size worth trying; a dot takes no tile below 16, a group may be of one."""
        return SMALLEST if self.size >= SMALLEST and self.largest > LARGEST_GROUP else 1

    def edits(self, size: int) -> Edits:
        """Return the edits that give it another size."""
        edits: dict[cst.CSTNode, Change] = {literal: becomes(size) for literal in self.literals}
        edits.update((rest, becomes(size - 1)) for rest in self.rests)
        return edits

    def join(self, other: Tile) -> None:
        """Take in another tile of the same size."""
        self.names.extend(other.names)
        self.owners.extend(other.owners)
        self.literals.extend(each for each in other.literals if each not in self.literals)
        self.rests.extend(each for each in other.rests if each not in self.rests)
        self.largest = min(self.largest, other.largest)


class Tiles:
    """The family `tiles`."""

    name = "tiles"

    def variants(self, module: cst.Module) -> Sequence[Variant]:
        """Return one variant for each tile size and each factor that keeps it in its range."""
        return [variant for tile in tiles_of(read_module(module)) for variant in _moves(tile, module)]


def tiles_of(module: KernelModule) -> list[Tile]:
    """Return the tiles that launches, the defaults of `@triton.jit` functions and configs name."""
    return [*_launched(module), *_configured(module)]


def _moves(tile: Tile, module: cst.Module) -> Iterator[Variant]:
    for size in (tile.size // 2, tile.size * 2, tile.size // 4, tile.size * 4):
        if tile.smallest <= size <= tile.largest:
            name = ", ".join(dict.fromkeys(tile.names))
            yield Variant(f"{name} {tile.size} -> {size}", module, tile.edits(size))


def _launched(module: KernelModule) -> list[Tile]:
    tiles: list[Tile] = []
    for launch in module.launches:
        found = list(_bound(launch, module.module))
        sizes = {tile.size: None for tile in found}
        for tile in found:
            _join(tiles, tile)
        for size in sizes:
            _join_grid(tiles, launch, size)
    return tiles


def _bound(launch: Launch, module: cst.Module) -> Iterator[Tile]:
    """Yield a tile for each literal that a launch binds or leaves to the kernel."""
    found = [
        (parameter, value, literals_of(value, host, module))
        for parameter in _tile_names(launch.kernel)
        for value, host in _value(launch, parameter)
    ]
    names = [v.value if isinstance(v, cst.Name) else parameter for parameter, v, _ in found]
    several = sum(not _GROUP.search(n) for n, (_, _, ls) in zip(names, found, strict=True) if ls) > 1
    for name, (parameter, _, literals) in zip(names, found, strict=True):
        for literal in literals:
            yield _tile(name, f"{launch.kernel.name}.{parameter}", literal, _largest(name, several))


def _value(launch: Launch, parameter: str) -> Iterator[tuple[cst.BaseExpression, cst.FunctionDef | None]]:
    """Yield what a tile's name stands for, and the host that it is said in, if that can be told."""
    kernel = launch.kernel
    if parameter in launch.bound:
        yield launch.bound[parameter].value, launch.host
    elif parameter not in kernel.parameters:
        yield cst.Name(parameter), None  # a constant of the module
    elif not launch.spread and not kernel.autotuned:
        defaults = (*kernel.node.params.params, *kernel.node.params.kwonly_params)
        yield from ((p.default, None) for p in defaults if p.name.value == parameter and p.default)


def _largest(parameter: str, several: bool) -> int:
    if _GROUP.search(parameter):
        return LARGEST_GROUP
    return LARGEST_OF_SEVERAL if several else LARGEST


def _tile_names(function: JitFunction) -> list[str]:
    """Return the names of a function's tile sizes, constants of the module that it ranges over included."""
    ranged: set[str] = set()
    for node in walk(function.node):
        if isinstance(node, cst.Call) and called(node) in ("tl.arange", "range", "tl.range"):
            step_or_end = (
                argument(node, 1, "end") if called(node) == "tl.arange" else argument(node, 2, "step")
            )
            ranged |= set() if step_or_end is None else names_in(step_or_end)
    own = [name for name in function.parameters if name in function.constexprs - _OPTIONS]
    constants = {n.value for n in walk(function.node) if isinstance(n, cst.Name)} & ranged
    bound = {*function.parameters, *bound_names(function.node)}
    return [
        *(name for name in own if _TILE.search(name) or name in ranged),
        *sorted(name for name in constants - bound if _TILE.search(name)),
    ]


def _tile(name: str, owner: str, literal: cst.Integer, largest: int) -> Tile:
    size = literal.evaluated_value
    return Tile(names=[name], owners=[owner], size=size, literals=[literal], rests=[], largest=largest)


def _is_size(tile: Tile) -> bool:
    return tile.size > 0 and tile.size & (tile.size - 1) == 0


def _join(tiles: list[Tile], tile: Tile) -> None:
    """Add a tile, or its name to the tile that has its literal already."""
    if not _is_size(tile):
        return
    for known in tiles:
        if tile.literals[0] in known.literals:
            known.join(tile)
            return
    tiles.append(tile)


def _join_grid(tiles: list[Tile], launch: Launch, size: int) -> None:
    """Make one tile of those of a size where the launch's grid writes that size out as a literal again."""
    behind = expressions_behind(launch.grid, launch.host)
    literals, rests = divisors(behind, size)
    if not literals:
        return
    inside = set(walk(launch.host))
    joined = [t for t in tiles if t.size == size and any(literal in inside for literal in t.literals)]
    if not joined:
        return
    first, *others = joined
    for other in others:
        first.join(other)
        tiles.remove(other)
    first.literals.extend(literals)
    first.rests.extend(rests)


def _configured(module: KernelModule) -> list[Tile]:
    """Return the tiles that `triton.Config({...})` entries give; each config moves by itself."""
    kernels = [function for function in module.functions.values() if function.autotuned]
    known = {name for function in kernels for name in _tile_names(function)}
    tiles: list[Tile] = []
    for number, config in enumerate(module.configs, start=1):
        entries = argument(config, 0, "kwargs")
        if not isinstance(entries, cst.Dict):
            continue
        found = [(key, value) for key, value in _entries(entries) if key in known]
        several = sum(not _GROUP.search(key) for key, _ in found) > 1
        which = f"config {number} " if len(module.configs) > 1 else ""
        for key, literal in found:
            _join(tiles, _tile(which + key, f"config {number}.{key}", literal, _largest(key, several)))
    return tiles


def _entries(entries: cst.Dict) -> Iterator[tuple[str, cst.Integer]]:
    for element in entries.elements:
        if (
            isinstance(element, cst.DictElement)
            and isinstance(element.key, cst.SimpleString)
            and isinstance(element.value, cst.Integer)
            and isinstance(key := element.key.evaluated_value, str)
        ):
            yield key, element.value
