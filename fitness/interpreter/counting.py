"""Counts what the programs of one launch do."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitness.candidate_module import FILE_NAME
from fitness.costmodel.access import Access, Addresses, analyse, covered, merge
from fitness.costmodel.trace import Dot
from fitness.devices import Device
from fitness.interpreter.bounds import Bounds
from fitness.interpreter.builder import Mask
from fitness.interpreter.session import Storage

LANE_ELEMENTS = 4
"""Elements of a block's last dimension that Triton gives one lane: 16 bytes of float32. A warp's lanes are
laid along that dimension first, so that rows which one warp holds are reduced by shuffles alone."""

# Instructions an element: (ordinary, special-function unit). A division is a reciprocal and its refinement;
# an exponential scales its argument first; functions without hardware are polynomials of about this length
# (that of the error function is counted in the PTX of a GELU).
WEIGHTS = {
    "divide": (8, 1), "fmod": (10, 1), "exp": (2, 1), "exp2": (1, 1), "log": (2, 1), "log2": (1, 1),
    "sqrt": (4, 1), "rsqrt": (1, 1), "sin": (20, 1), "cos": (20, 1), "erf": (36, 1),
}  # fmt: skip
WHOLE_NUMBER_WEIGHTS = {"fmod": 20, "floor_divide": 20}

OPERATION_WORK = 20_000
"""What an interpreted operation costs before its first element, in elements: about 80 µs against 4 ns."""

Ranges = tuple[list[Addresses], list[Addresses]]


class PrefixDone(BaseException):
    """A program was followed far enough; derives from BaseException so that nothing on the way stops it."""


class Counts:
    """What one or more programs of a launch did, summed; an `Observer` for the builder.

    Float loads read as zero and float stores are dropped: their values do not matter to the counts, and
    buffers of hundreds of megabytes stay untouched. Integers are loaded and stored for real.

    Attributes:
        touched_bytes: by (`load` or `store`, storage), the bytes that each program touched, if it did.
        first_loads: by storage, which of its loads was a program's first from it; the latest of all programs.
        stop_after: loads after which a program is followed no further.
    """

    def __init__(self, device: Device, kernel: str, storages: tuple[Storage, ...]) -> None:
        self.device = device
        self.bounds = Bounds(kernel, storages)
        self.totals: Counter[str] = Counter()
        self.traffic: Counter[tuple[str, int]] = Counter()
        self.dots: Counter[tuple[int, int, int, str, str]] = Counter()
        self.unique: dict[tuple[str, int], Ranges] = {}
        self.waiting: set[int] = set()
        self.touched_bytes: dict[tuple[str, int], list[int]] = {}
        self.first_loads: dict[int, int] = {}
        self.stop_after: int | None = None
        self._touched: dict[tuple[str, int], Ranges] = {}
        self._asked: Counter[tuple[str, int]] = Counter()
        self._loads_before = 0

    @property
    def work(self) -> int:
        """What interpreting cost so far: elements computed, loaded and stored, and so many an operation."""
        names = ("float_ops", "integer_ops", "elements")
        return sum(self.totals[name] for name in names) + OPERATION_WORK * self.totals["operations"]

    def begin_program(self) -> None:
        """Forget what the program before had touched."""
        self._touched = {}
        self._asked.clear()
        self._loads_before = self.totals["loads"]
        self.waiting.clear()

    def end_program(self) -> dict[tuple[str, int], tuple[Addresses, Addresses]]:
        """Add the program's distinct sectors to the totals; return them by (`load` or `store`, storage)."""
        self._close_round()
        touched = {}
        for key, (first, last) in self._touched.items():
            ranges = merge(np.concatenate(first), np.concatenate(last))
            touched[key] = ranges
            distinct = covered(*ranges) * self.device.sector_bytes
            self.traffic[f"{key[0]}_distinct", key[1]] += distinct
            self.touched_bytes.setdefault(key, []).append(min(distinct, self._asked[key]))
            self.traffic[f"{key[0]}_pieces", key[1]] += ranges[0].size
        return touched

    @property
    def wrote(self) -> bool:
        """Whether any program stored anything."""
        return bool(self.totals["stores"] + self.totals["atomics"])

    def access(self, kind: str, addresses: NDArray[Any], mask: Mask, dtype: Any) -> bool:
        """Count an access; let integers pass."""
        size = max(1, dtype.primitive_bitwidth // 8)
        at = self.bounds.check(kind, addresses, mask, size)
        device = self.device
        seen = analyse(
            self._as_on_device(addresses, at), mask, size, device.sector_bytes, device.line_bytes,
            device.warp_size,
        )  # fmt: skip
        self.totals[f"{kind}s"] += 1
        self.totals["operations"] += 1
        if seen is not None and kind == "load" and at is not None and ("load", at) not in self._touched:
            loads = self.totals["loads"] - self._loads_before
            self.first_loads[at] = max(loads, self.first_loads.get(at, 0))
        self.totals["block_elements"] += mask.size
        if seen is not None:
            self._count(kind, seen, -1 if at is None else at)
        if kind == "load":
            self._wait_for(_site())
        else:
            self._close_round()
        if self.stop_after is not None and self.totals["loads"] >= self.stop_after:
            raise PrefixDone
        return not dtype.is_floating()

    def compute(self, operation: str, result: NDArray[Any], floating: bool) -> None:
        """Count an elementwise operation."""
        size = result.size
        self.totals["operations"] += 1
        if not floating:
            self.totals["integer_ops"] += size * WHOLE_NUMBER_WEIGHTS.get(operation, 1)
            return
        ordinary, special = WEIGHTS.get(operation, (1, 0))
        self.totals["float_ops"] += ordinary * size
        self.totals["special_ops"] += special * size

    def multiply(self, left: NDArray[Any], right: NDArray[Any], dtype: Any, precision: str) -> bool:
        """Count a product; do not compute it, unless it is of integers."""
        self._close_round()
        self.totals["operations"] += 1
        m = int(np.prod(left.shape[:-1], dtype=np.int64))
        self.dots[m, right.shape[-1], left.shape[-1], _name_of(dtype), precision] += 1
        return not dtype.is_floating()

    def reduce(self, elements: int, length: int, innermost: bool) -> None:
        """Count a reduction or scan; what it needs must have arrived."""
        self._close_round()
        self.totals["operations"] += 1
        self.totals["reductions"] += 1
        self.totals["crossings"] += not innermost or length > LANE_ELEMENTS * self.device.warp_size
        self.totals["reduced_elements"] += elements

    def dots_each(self, programs: int) -> tuple[Dot, ...]:
        """Return the products a program."""
        return tuple(
            Dot(m=m, n=n, k=k, dtype=dtype, precision=precision, count=count / programs)
            for (m, n, k, dtype, precision), count in sorted(self.dots.items())
        )

    def _as_on_device(self, addresses: NDArray[Any], at: int | None) -> NDArray[Any]:
        """Return addresses that lie to lines as they do on a device, whose buffers start on a line."""
        off = self.bounds.storages[at].address % self.device.line_bytes if at is not None else 0
        return addresses - np.uint64(off) if off else addresses

    def _count(self, kind: str, seen: Access, at: int) -> None:
        """Add an access to the totals."""
        self.totals["elements"] += seen.elements
        self.totals["lane_sectors"] += seen.lane_sectors
        self.totals["lane_lines"] += seen.lane_lines
        self.totals["lane_accesses"] += seen.lane_accesses
        for direction in ("load", "store") if kind == "atomic" else (kind,):
            self.traffic[direction, at] += seen.requested
            self._asked[direction, at] += seen.requested
            self.traffic[f"{direction}_sectors", at] += seen.sectors * self.device.sector_bytes
            first, last = self._touched.setdefault((direction, at), ([], []))
            first.append(seen.first)
            last.append(seen.last)

    def _wait_for(self, site: int) -> None:
        """Have a load under way; one that comes by again waits for those before it."""
        if site in self.waiting:
            self.totals["repeats"] += 1
            self._close_round()
        self.waiting.add(site)

    def _close_round(self) -> None:
        """All loads under way must have arrived."""
        if self.waiting:
            self.totals["rounds"] += 1
            self.waiting.clear()


def _site() -> int:
    """Return which place of the candidate's source is being run: a number unique to the instruction."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.endswith(FILE_NAME):
            return hash((id(frame.f_code), frame.f_lasti))
        frame = frame.f_back
    return 0


def _name_of(dtype: Any) -> str:
    """Return an element type's name as the device table's rates know it."""
    names = {
        "fp64": "float64",
        "fp32": "float32",
        "fp16": "float16",
        "bf16": "bfloat16",
        "int8": "int8",
        "uint8": "int8",
    }
    return "float8" if dtype.is_fp8() else names.get(dtype.name, dtype.name)
