"""How wide a binary's accesses to global memory are, as its assembly says: compilers miss some alignment.

Widths are those of `ld.global`, `st.global` and `cp.async` ("Parallel Thread Execution ISA", data movement
instructions) and of `global_` and `buffer_` instructions ("AMD Instinct MI300 Instruction Set Architecture",
vector and flat memory instructions).
"""

from __future__ import annotations

import re
from statistics import fmean, median
from typing import Literal

import msgspec

WIDEST = 16.0
_PTX = re.compile(r"\b(ld|st)\.(?:[\w:]+\.)*?global\.(?:[\w:]+\.)*?(?:v(\d)\.)?[a-z]+(\d+)\b")
_COPIES = re.compile(r"\bcp\.async\.c[ag]\.shared\.global[^;]*?, (0x[\da-f]+|\d+)")
_AMD = re.compile(r"\b(?:global|buffer)_(load|store)_(?:lds_)?([a-z]+?)(?:x(\d))?\b")
_AMD_BYTES = {"dword": 4, "ushort": 2, "sshort": 2, "short": 2, "ubyte": 1, "sbyte": 1, "byte": 1}


class Widths(msgspec.Struct, frozen=True):
    """Bytes that a lane's accesses to global memory move, over the instructions of the code.

    Attributes:
        load, store: the mean.
        usual_load: the median.

    Of what there is none it is the most that one can move.
    """

    load: float = WIDEST
    store: float = WIDEST
    usual_load: float = WIDEST


def widths_in(assembly: str, backend: Literal["cuda", "hip"]) -> Widths:
    """Return the widths in PTX, or in the assembly of an AMD GPU."""
    found = _in_ptx(assembly) if backend == "cuda" else _in_amdgcn(assembly)
    loads, stores = ([size for kind, size in found if kind == each] or [WIDEST] for each in ("load", "store"))
    return Widths(load=fmean(loads), store=fmean(stores), usual_load=median(loads))


def _in_ptx(assembly: str) -> list[tuple[str, float]]:
    plain: list[tuple[str, float]] = [
        ("load" if kind == "ld" else "store", int(count or 1) * int(bits) // 8)
        for kind, count, bits in _PTX.findall(assembly)
    ]
    return plain + [("load", int(size, 0)) for size in _COPIES.findall(assembly)]


def _in_amdgcn(assembly: str) -> list[tuple[str, float]]:
    return [
        (kind, _AMD_BYTES[name] * int(count or 1))
        for kind, name, count in _AMD.findall(assembly)
        if name in _AMD_BYTES
    ]
