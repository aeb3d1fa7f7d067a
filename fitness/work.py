"""What the cost model is told of a call: each launch as traced, with what its binary takes of the device.

A trace sees which addresses are aligned; a compiler may not, and then makes narrower accesses of the same
bytes. Where most of those of a loop with products are narrower than 4 bytes it does not pipeline them either.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evo.evaluation import Resources
from fitness.costmodel.occupancy import occupancy
from fitness.costmodel.roofline import Work
from fitness.costmodel.trace import LaunchTrace, Trace
from fitness.devices import Device
from fitness.messages import Binary
from fitness.plan import Launch, Plan

PIPELINED_BYTES = 4
"""What an asynchronous copy moves at least; Triton's pipelines for AMD ask for as much."""


def works_of(plan: Plan, traced: Trace, binaries: Mapping[str, Binary], device: Device) -> tuple[Work, ...]:
    """Return the launches of a plan in order.

    Args:
        plan: what was traced.
        traced: one trace a launch.
        binaries: by `KernelIR.digest`.
        device: the target.
    """
    return tuple(
        _work(plan, launch, trace, binaries, device)
        for launch, trace in zip(plan.launches, traced.launches, strict=True)
    )


def _work(
    plan: Plan, launch: Launch, trace: LaunchTrace, binaries: Mapping[str, Binary], device: Device
) -> Work:
    kernel = plan.kernels[launch.kernel]
    binary = binaries[kernel.digest]
    is_pipelined = binary.widths.usual_load >= PIPELINED_BYTES
    stages = int(kernel.options.get("num_stages") or 1) if is_pipelined else 1
    copies = 1 if is_pipelined or not trace.dots else 2  # what goes to shared memory by way of registers
    loads = copies * sum(each.load_bytes for each in trace.buffers) / binary.widths.load
    stores = sum(each.store_bytes for each in trace.buffers) / binary.widths.store
    accesses = max(trace.lane_accesses, loads + stores)
    return Work(msgspec.structs.replace(trace, lane_accesses=accesses), resources_of(binary, device), stages)


def resources_of(binary: Binary, device: Device) -> Resources:
    """Return what a binary takes of a device."""
    return Resources(
        kernel=binary.name, registers=binary.registers, spills=binary.spills,
        shared_bytes=binary.shared_bytes, warps=binary.warps,
        occupancy=occupancy(
            device, registers=binary.registers, shared_bytes=binary.shared_bytes, warps=binary.warps
        ),
    )  # fmt: skip
