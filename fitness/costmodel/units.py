"""How long one program keeps each pipe of a compute unit busy, in seconds, if it has the unit to itself.

Sources of the constants: wgmma needs a warpgroup of four warps and 64 rows, and other matrix instructions
reach about 0.62 of Hopper's rate ("Dissecting the NVIDIA Hopper Architecture through Microbenchmarking",
2024); shuffles take about 25 clocks and a barrier with its trip through shared memory about 60.
"""

from __future__ import annotations

import math

import msgspec

from evo.evaluation import Resources
from fitness.costmodel.trace import Dot, LaunchTrace
from fitness.devices import Device

WARPGROUP_WARPS = 4
WARPGROUP_ROWS = 64
WITHOUT_WARPGROUP = 0.62
SHUFFLE_CLOCKS = 25
BARRIER_CLOCKS = 60
SPILL_BYTES = 4
SHARED_ADDRESSES = 4
"""Neighbouring elements of a 16-byte vector share one address computation."""
SMALLEST_TILE = 16
ITEM_BYTES = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1, "float8": 1}


class Pipes(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds that one program occupies each pipe of a unit.

    Attributes:
        matrix: matrix cores.
        shared: shared memory, as the matrix cores read their operands from it.
        arithmetic: vector lanes.
        special: special-function unit.
        memory: load/store path, spilled registers included.
        waiting: barriers and shuffles of reductions; nothing is busy meanwhile.
    """

    matrix: float
    shared: float
    arithmetic: float
    special: float
    memory: float
    waiting: float

    @property
    def busiest(self) -> float:
        """The longest of the pipes: programs that share a unit cannot be faster."""
        return max(self.matrix, self.shared, self.arithmetic, self.special, self.memory)

    @property
    def total(self) -> float:
        """All pipes one after the other, and the waiting: what a program alone takes."""
        return self.busiest + self.waiting


def pipes_of(trace: LaunchTrace, resources: Resources, device: Device) -> Pipes:
    """Return how long one program keeps each pipe busy."""
    clock = device.clock_hz
    ops = trace.float_ops + trace.integer_ops / SHARED_ADDRESSES + trace.reduced_elements
    spilled = (
        2.0 * SPILL_BYTES * resources.spills * resources.warps * device.warp_size * max(1.0, trace.rounds)
    )
    addresses = trace.lane_accesses * SPILL_BYTES
    shuffles = math.log2(device.warp_size) * SHUFFLE_CLOCKS
    across = 0.0 if resources.warps == 1 else 2 * BARRIER_CLOCKS + math.log2(resources.warps) * SHUFFLE_CLOCKS
    return Pipes(
        matrix=sum(each.flops / matrix_rate(each, resources.warps, device) for each in trace.dots),
        shared=sum(operand_bytes(each, resources.warps, device) for each in trace.dots)
        / (device.shared_bytes_per_clock * clock),
        arithmetic=ops / (device.lanes_per_unit * clock),
        special=trace.special_ops / (device.special_lanes_per_unit * clock),
        memory=(max(trace.lane_bytes, addresses) + spilled) / (device.l1_bytes_per_clock * clock),
        waiting=trace.reductions * (shuffles + across) / clock,
    )


def matrix_rate(dot: Dot, warps: int, device: Device) -> float:
    """Return the floating-point operations a second of one unit on products of this shape.

    Small tiles are padded to 16 rows and columns. Where the table has no float32 rate (NVIDIA), IEEE float32
    runs on the vector lanes. Products in several limbs (`tf32x3`, `bf16x3`, `bf16x6`) take as many products.
    """
    precision, _, limbs = dot.precision.partition("x")
    dtype = dot.dtype
    if dtype == "float32" and precision != "ieee":
        dtype = "tf32" if precision == "tf32" else "bfloat16"
    if dtype not in device.matrix_flops:
        return 2.0 * device.lanes_per_unit * device.clock_hz
    peak = device.matrix_flops[dtype] / device.units / (int(limbs) if limbs else 1)
    if device.backend == "cuda" and not _uses_warpgroup(dot, warps):
        peak *= WITHOUT_WARPGROUP
    padded = max(dot.m, SMALLEST_TILE) * max(dot.n, SMALLEST_TILE)
    return peak * dot.m * dot.n / padded


def operand_bytes(dot: Dot, warps: int, device: Device) -> float:
    """Return the bytes that the matrix cores read from shared memory for all products of this shape.

    A warpgroup reads its own rows of the left operand and the whole right one; other warps form a grid over
    the tile, and each reads its rows and its columns.
    """
    size = ITEM_BYTES.get(dot.dtype, 4)
    if device.backend == "cuda" and _uses_warpgroup(dot, warps):
        down, across = max(1, warps // WARPGROUP_WARPS), 1
    else:
        across = 2 ** (int(math.log2(warps)) // 2)
        down = max(1, warps // across)
    return dot.count * size * (dot.m * dot.k * across + dot.k * dot.n * down)


def _uses_warpgroup(dot: Dot, warps: int) -> bool:
    """Return whether Triton can use Hopper's warpgroup instruction."""
    return dot.dtype != "float64" and warps % WARPGROUP_WARPS == 0 and dot.m >= WARPGROUP_ROWS
