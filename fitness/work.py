"""What the cost model is told of a call: each launch as traced, with what its binary takes of the device."""

from __future__ import annotations

from collections.abc import Mapping

from evo.evaluation import Resources
from fitness.costmodel.occupancy import occupancy
from fitness.costmodel.roofline import Work
from fitness.costmodel.trace import Trace
from fitness.devices import Device
from fitness.messages import Binary
from fitness.plan import Plan


def works_of(plan: Plan, traced: Trace, binaries: Mapping[str, Binary], device: Device) -> tuple[Work, ...]:
    """Return the launches of a plan in order.

    Args:
        plan: what was traced.
        traced: one trace a launch.
        binaries: by `KernelIR.digest`.
        device: the target.
    """
    works = []
    for launch, trace in zip(plan.launches, traced.launches, strict=True):
        kernel = plan.kernels[launch.kernel]
        resources = resources_of(binaries[kernel.digest], device)
        works.append(Work(trace, resources, int(kernel.options.get("num_stages") or 1)))
    return tuple(works)


def resources_of(binary: Binary, device: Device) -> Resources:
    """Return what a binary takes of a device."""
    return Resources(
        kernel=binary.name, registers=binary.registers, spills=binary.spills,
        shared_bytes=binary.shared_bytes, warps=binary.warps,
        occupancy=occupancy(
            device, registers=binary.registers, shared_bytes=binary.shared_bytes, warps=binary.warps
        ),
    )  # fmt: skip
