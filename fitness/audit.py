"""Whether a trace or a latency at a timed workload's real sizes can be that of a kernel which does the work.

Correctness is checked on small shapes. A kernel that does less on the large ones shows here: what any kernel
must move is known, and interpreted programs cannot hide what they touch. A latency below what the device can
do at all is an audit failure, not a record.
"""

from __future__ import annotations

from collections.abc import Sequence

from evo.task import Workload
from fitness.costmodel.trace import Fill, LaunchTrace
from fitness.devices import Device

SMALLEST_SHARE = 0.5
"""Of the least bytes; far from 1, since a trace is estimated from a few sampled programs."""


def fault_of_trace(workload: Workload, launches: Sequence[LaunchTrace], fills: Sequence[Fill]) -> str | None:
    """Return why these launches cannot do the workload's work, or None."""
    if any(each.sampled < min(2, each.programs) for each in launches):
        return None
    moved = sum(each.size_bytes for each in fills) + sum(
        buffer.unique_load_bytes + buffer.unique_store_bytes for each in launches for buffer in each.buffers
    )
    if moved < SMALLEST_SHARE * workload.bytes:
        return (
            f"workload {workload.name}: the kernels load and store {moved:.0f} bytes at its real sizes, "
            f"any correct kernel at least {workload.bytes}; work is left out there"
        )
    return None


def floor_ms(workload: Workload, device: Device) -> float:
    """Return a latency in milliseconds that no kernel can go below on a device.

    Of the bytes that must move, as much as the last-level cache holds may never reach memory: reads of what
    it holds already, writes that it keeps.
    """
    moved = max(0, workload.bytes - device.last_level_bytes) / device.memory_bytes_per_s
    done = workload.flops / max(device.matrix_flops.values())
    return 1e3 * max(moved, done)


def fault_of_latency(workload: Workload, latency_ms: float, device: Device) -> str | None:
    """Return why a measured latency cannot be one, or None."""
    floor = floor_ms(workload, device)
    if latency_ms >= floor:
        return None
    return (
        f"workload {workload.name}: {latency_ms:.5f} ms is less than the {floor:.5f} ms that "
        f"{device.product} takes at least to move {workload.bytes} bytes and do {workload.flops} operations; "
        f"work is left out"
    )
