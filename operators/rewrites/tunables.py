"""Tunables: the integers of a kernel that its speed depends on and its result should not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import libcst as cst
import msgspec

from operators.rewrites.family import Backend
from operators.rewrites.launch_options import OptionSite, option_sites
from operators.rewrites.tiles import Tile, tiles_of
from operators.syntax.edits import Edits, edited, together
from operators.syntax.kernel_module import KernelModule


class Tunable(msgspec.Struct, frozen=True, eq=False):
    """A tile size or a launch option that stands in the source as a literal, or is left to its default.

    Attributes:
        key: unique in its module: what takes it, such as `softmax_kernel.BLOCK` or `config 1.num_warps`.
        kind: whether it is a tile size or a launch option.
        value: what it is now.
        choices: the values worth trying, ascending.
        edits: returns the edits that give it another value.
    """

    key: str
    kind: Literal["tile", "option"]
    value: int
    choices: tuple[int, ...]
    edits: Callable[[int], Edits]


def tunables(module: KernelModule, backend: Backend) -> tuple[Tunable, ...]:
    """Return a module's tunables, tiles first, in an order that depends on the source alone.

    What the host computes is none. A literal that several launches take is one tunable, and so is a tile that
    is written out again in a grid.
    """
    tiles = tiles_of(module)
    taken = {literal for tile in tiles for literal in (*tile.literals, *tile.rests)}
    sites: dict[tuple[str, cst.CSTNode], list[OptionSite]] = {}
    for site in option_sites(module, backend):
        if site.value is not None and site.node not in taken:
            sites.setdefault((site.option.name, site.node), []).append(site)
    return _numbered([*map(_of_tile, tiles), *map(_of_option, sites.values())])


def with_values(module: KernelModule, found: Sequence[Tunable], values: Mapping[str, int]) -> str:
    """Return the module's source with other values for the tunables named by key; the rest stays."""
    moved = [t for t in found if values.get(t.key, t.value) != t.value]
    return edited(module.module, together(t.edits(values[t.key]) for t in moved))


def _of_tile(tile: Tile) -> Tunable:
    powers = (2**exponent for exponent in range(tile.largest.bit_length()))
    choices = tuple(power for power in powers if tile.smallest <= power <= tile.largest)
    return Tunable(", ".join(dict.fromkeys(tile.owners)), "tile", tile.size, choices, tile.edits)


def _of_option(sites: Sequence[OptionSite]) -> Tunable:
    first = sites[0]
    key = ", ".join(dict.fromkeys(f"{site.owner}.{site.option.name}" for site in sites))
    choices = tuple(sorted({first.option.default, *first.option.values}))
    return Tunable(key, "option", first.value or 0, choices, first.edits)


def _numbered(found: Sequence[Tunable]) -> tuple[Tunable, ...]:
    """Tell those apart that the same thing takes, as where the host has two literals to choose from."""
    totals, seen = Counter(tunable.key for tunable in found), Counter[str]()
    numbered = []
    for tunable in found:
        seen[tunable.key] += 1
        place = f" {seen[tunable.key]} of {totals[tunable.key]}" if totals[tunable.key] > 1 else ""
        numbered.append(msgspec.structs.replace(tunable, key=tunable.key + place))
    return tuple(numbered)
