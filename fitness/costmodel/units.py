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
WARP_ISSUE = 0.4
"""Instructions a clock that a scheduler issues of one warp: read off a GELU on an H200, of which programs of
one warp a scheduler took 105 clocks for 44 instructions."""
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
        memory: load/store path, spilled registers included; it takes one line of the first-level cache a
            clock, so that lanes which lie in different lines are served one after the other.
        waiting: barriers and shuffles of reductions; nothing is busy meanwhile.
    """

    matrix: float
    shared: float
    arithmetic: float
    special: float
    memory: float
    waiting: float

    def busiest(self, issued: float) -> float:
        """Return the longest of the pipes: programs that share a unit cannot be faster.

        Args:
            issued: share of its instructions that the unit's resident warps issue, 0 to 1.
        """
        return max(self.matrix, self.shared, self.arithmetic / issued, self.special / issued, self.memory)

    def alone(self, warps: int, loading: float, hidden: bool, device: Device) -> float:
        """Return what a program takes that has the unit to itself.

        Args:
            warps: warps of the program.
            loading: seconds that it waits for memory.
            hidden: whether loads go on under products; everything else is one after the other.
            device: the target.
        """
        products = max(self.matrix, self.shared) / min(1.0, warps / device.simds)
        computing = (self.arithmetic + self.special) / issue_share(warps, device) + self.waiting
        if hidden:
            return max(products, loading, self.memory) + computing
        return products + loading + self.memory + computing


def issue_share(warps: float, device: Device) -> float:
    """Return which share of its vector instructions a unit issues that holds so many warps, 0 to 1.

    One warp alone waits for its own results most of the time.
    """
    return min(1.0, warps / device.simds * WARP_ISSUE)


def pipes_of(trace: LaunchTrace, resources: Resources, device: Device) -> Pipes:
    """Return how long one program keeps each pipe busy."""
    clock = device.clock_hz
    ops = trace.float_ops + trace.integer_ops / SHARED_ADDRESSES + trace.reduced_elements
    spilled = (
        2.0 * SPILL_BYTES * resources.spills * resources.warps * device.warp_size * max(1.0, trace.rounds)
    )
    sent = _repeated(trace, resources, device) * max(
        trace.lane_bytes, trace.lane_accesses * SPILL_BYTES, trace.lane_lines * device.l1_bytes_per_clock
    )
    shuffles = math.log2(device.warp_size) * SHUFFLE_CLOCKS
    across = 0.0 if resources.warps == 1 else 2 * BARRIER_CLOCKS + math.log2(resources.warps) * SHUFFLE_CLOCKS
    return Pipes(
        matrix=sum(each.flops / matrix_rate(each, resources.warps, device) for each in trace.dots),
        shared=sum(operand_bytes(each, resources.warps, device) for each in trace.dots)
        / (device.shared_bytes_per_clock * clock),
        arithmetic=ops / (device.lanes_per_unit * clock),
        special=trace.special_ops / (device.special_lanes_per_unit * clock),
        memory=(sent + spilled) / (device.l1_bytes_per_clock * clock),
        waiting=(trace.reductions * shuffles + trace.crossings * across) / clock,
    )


def _repeated(trace: LaunchTrace, resources: Resources, device: Device) -> float:
    """Return how many threads make each access: blocks of fewer elements than threads are repeated."""
    accesses = trace.loads + trace.stores + trace.atomics
    if not accesses or not trace.block_elements:
        return 1.0
    return max(1.0, resources.warps * device.warp_size * accesses / trace.block_elements)


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
