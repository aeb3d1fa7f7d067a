"""Modelled latency: a roofline over memory levels and pipes, with Little's law and wave quantisation.

For a launch of N programs on U units that hold R programs each:

    memory  = max over levels of bytes / bandwidth; its last wave takes at least `alone`
    compute = ⌈N/U⌉ · the busiest pipe's time a program, at the rate that the resident warps can issue
    alone   = waits for memory · load latency + a program's own work + program overhead
    latency = ⌈N/(U·R)⌉ · alone
    starts  = ⌈N/U⌉ · program overhead
    exposed = min(memory, compute) / (R · rounds if loads go on under products, else R)
    ramp    = alone / rounds, unless latency is the longest
    time    = launch overhead + max(starts, ‖memory, compute, latency‖) + ramp + exposed

`latency` is Little's law solved for time: N programs that keep their loads in flight R·U at a time. Bounds
that come near each other cost more than the longest of them, since neither is busy all the time: ‖·‖ is the
p-norm, p = 3, which lies between perfect overlap (p = ∞) and none (p = 1). Only the starting of programs
overlaps with everything: hardware of its own does it. Where loads go on under products a program's own time
holds its products, and the longer of `compute` and `latency` counts. A throughput is reached only once the
first loads have come, and what of loading and computing does not overlap is `exposed`: programs that share a
unit hide each other's, and a pipelined loop hides all but its first round.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evo.evaluation import Bound, Resources
from fitness.costmodel.occupancy import resident_programs
from fitness.costmodel.trace import Fill, LaunchTrace
from fitness.costmodel.traffic import Residency, Traffic, floor_bytes, traffic_of
from fitness.costmodel.units import Pipes, issue_share, matrix_rate, pipes_of
from fitness.costmodel.waits import hides_loads, memory_waits
from fitness.devices import Device

MS = 1e3
SPILLED_REGISTER_BYTES = 4
SHARPNESS = 3.0


class Work(msgspec.Struct, frozen=True):
    """A launch to model: what its programs do, what its binary takes, and its `num_stages` option."""

    trace: LaunchTrace
    resources: Resources
    num_stages: int = 1


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """Where a launch's modelled time goes; all times in milliseconds.

    Attributes:
        kernel: name of the `@triton.jit` function.
        bound: what limits it.
        total_ms: its time.
        floor_ms: no kernel that moves these bytes and computes these products can be faster.
        memory_ms, compute_ms, latency_ms, overhead_ms: the roofline's terms; launch overhead in the last.
        memory_bytes: bytes to and from device memory.
        pipe: the unit's busiest pipe.
        resident: programs a unit holds.
        waves: programs over the programs that the device holds.
    """

    kernel: str
    bound: Bound
    total_ms: float
    floor_ms: float
    memory_ms: float
    compute_ms: float
    latency_ms: float
    overhead_ms: float
    memory_bytes: float
    pipe: str
    resident: int
    waves: float


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Modelled latency of one call: launches, and fills between them."""

    latency_ms: float
    launches: tuple[Breakdown, ...]
    fills_ms: float = 0.0

    @property
    def bound(self) -> Bound:
        """What limits the launch that takes longest."""
        return max(self.launches, key=lambda each: each.total_ms).bound


def latency_ms(works: Sequence[Work], device: Device, fills: Sequence[Fill] = ()) -> float:
    """Return the modelled milliseconds of one cold call.

    Raises:
        ValueError: no launch, or one that does not fit the device.
    """
    return explain(works, device, fills).latency_ms


def explain(works: Sequence[Work], device: Device, fills: Sequence[Fill] = ()) -> Estimate:
    """Return the modelled latency of one cold call with its parts.

    Args:
        works: the launches in order.
        device: the target.
        fills: constant fills between them.

    Raises:
        ValueError: no launch, or one that does not fit the device.
    """
    if not works:
        raise ValueError("a modelled latency needs at least one launch, got none")
    residency = Residency(device)
    launches = []
    for work in works:
        launches.append(_launch(work, device, residency.cached()))
        residency.touch(work.trace)
    filling = sum(
        MS * (each.size_bytes / device.copy_bytes_per_s + device.launch_overhead_s) for each in fills
    )
    total = sum(each.total_ms for each in launches) + filling
    return Estimate(latency_ms=total, launches=tuple(launches), fills_ms=filling)


def _launch(work: Work, device: Device, cached: dict[int, float]) -> Breakdown:
    """Return the breakdown of one launch."""
    trace, resources = work.trace, work.resources
    resident = resident_programs(
        device, registers=resources.registers, shared_bytes=resources.shared_bytes, warps=resources.warps
    )
    if resident < 1:
        raise ValueError(
            f"a program must fit a unit of {device.arch}, got {trace.kernel!r} with "
            f"{resources.registers} registers, {resources.shared_bytes} bytes shared, {resources.warps} warps"
        )
    slots = resident * device.units
    spilled = SPILLED_REGISTER_BYTES * resources.spills * resources.warps * device.warp_size
    traffic = traffic_of(trace, slots, device, cached, spilled)
    pipes = pipes_of(trace, resources, device)
    hidden = hides_loads(trace, work.num_stages, device)
    busiest = -(-trace.programs // device.units)
    memory = max(
        traffic.memory_bytes / device.copy_bytes_per_s,
        traffic.last_level_bytes / device.last_level_bytes_per_s,
        traffic.l2_bytes / device.l2_bytes_per_s,
    )
    compute = busiest * pipes.busiest(issue_share(min(resident, busiest) * resources.warps, device))
    alone = _alone(work, pipes, traffic, hidden, device)
    memory += _last_wave_loss(memory, alone, trace.programs / slots)
    latency = -(-trace.programs // slots) * alone
    starts = busiest * device.program_overhead_s
    rounds = max(1.0, trace.rounds)
    exposed = min(memory, compute) / (resident * (rounds if hidden else 1.0))
    ramp = 0.0 if latency >= max(memory, compute, starts) else alone / rounds
    bounds = (memory, max(compute, latency)) if hidden else (memory, compute, latency)
    together = max(starts, sum(each**SHARPNESS for each in bounds) ** (1 / SHARPNESS))
    floor = _floor(trace, device, cached)
    total = max(device.launch_overhead_s + together + ramp + exposed, floor)
    overhead = device.launch_overhead_s + starts
    return Breakdown(
        kernel=trace.kernel, bound=_bound(memory, compute, latency, overhead),
        total_ms=MS * total, floor_ms=MS * floor, memory_ms=MS * memory, compute_ms=MS * compute,
        latency_ms=MS * latency, overhead_ms=MS * overhead, memory_bytes=traffic.memory_bytes,
        pipe=_busiest_pipe(pipes), resident=resident, waves=trace.programs / slots,
    )  # fmt: skip


def _alone(work: Work, pipes: Pipes, traffic: Traffic, hidden: bool, device: Device) -> float:
    """Return the seconds that a program takes with nobody else on its unit.

    Its first loads wait together with those of its neighbours that want the same; later on some run ahead,
    and the others find in the cache what these have fetched.
    """
    first, later = (
        device.l2_latency_s + share * (device.memory_latency_s - device.l2_latency_s)
        for share in (traffic.first_cold_share, traffic.cold_share)
    )
    waits = memory_waits(work.trace, work.resources, work.num_stages, device)
    loading = min(1.0, waits) * first + max(0.0, waits - 1.0) * later
    return pipes.alone(work.resources.warps, loading, hidden, device) + device.program_overhead_s


def _last_wave_loss(memory: float, alone: float, waves: float) -> float:
    """Return the seconds that a last wave too small to keep the memory busy takes beyond its share."""
    return max(0.0, alone - waves % 1 * memory / waves) if waves > 1 and waves % 1 else 0.0


def _floor(trace: LaunchTrace, device: Device, cached: dict[int, float]) -> float:
    """Return the seconds below which no launch with this work can be."""
    moved = floor_bytes(trace, device, cached) / device.memory_bytes_per_s
    warps = device.threads_per_program // device.warp_size
    rates = [(each.flops, matrix_rate(each, warps, device) * device.units) for each in trace.dots]
    return max(moved, trace.programs * sum(flops / rate for flops, rate in rates))


def _bound(memory: float, compute: float, latency: float, overhead: float) -> Bound:
    """Return which term is the largest."""
    terms = {Bound.MEMORY: memory, Bound.COMPUTE: compute, Bound.LATENCY: latency, Bound.OVERHEAD: overhead}
    return max(terms, key=lambda bound: terms[bound])


def _busiest_pipe(pipes: Pipes) -> str:
    """Return the name of the pipe that a program occupies longest."""
    names = ("matrix", "shared", "arithmetic", "special", "memory")
    return max(names, key=lambda name: float(getattr(pipes, name)))
