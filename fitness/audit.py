"""Whether a trace or a latency at a timed workload's real sizes can be that of a kernel which does the work.

Correctness is checked on small shapes. A kernel that does less on the large ones shows here: what any kernel
must move is known, and interpreted programs cannot hide what they touch. A latency below what the device can
do at all is an audit failure, not a record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evo.task import Workload
from fitness.costmodel.trace import Trace
from fitness.devices import Device

SHARE = 0.95
"""Of the bytes that must move, what a trace has to come to at most, as far as its sample tells."""

SMALLEST_SHARE = 0.5
"""What it has to come to by the sample's mean, however uneven the programs are."""


class Need(NamedTuple):
    """Bytes that a correct kernel moves at the timed sizes, and what a trace says of them.

    Attributes:
        what: how a fault tells of them; `{}` stands for the bytes moved.
        size: the least that a correct kernel moves.
        moved: what the launches and fills move, by the mean of the sample.
        most: what they move at most, as far as the sample tells.
    """

    what: str
    size: int
    moved: float
    most: float


def is_doubtful(workload: Workload, traced: Trace) -> bool:
    """Return whether a trace seems to leave work out, by the mean of what may be too small a sample."""
    return any(need.moved < SHARE * need.size for need in _needs(workload, traced))


def fault_of_trace(workload: Workload, traced: Trace) -> str | None:
    """Return why these launches cannot do the workload's work, or None."""
    if any(each.sampled < min(2, each.programs) for each in traced.launches):
        return None
    for need in _needs(workload, traced):
        if need.most < SHARE * need.size or need.moved < SMALLEST_SHARE * need.size:
            said = need.what.format(f"{min(need.moved, need.most):.0f}")
            return f"workload {workload.name}: the kernels {said}; work is left out there"
    return None


def _needs(workload: Workload, traced: Trace) -> Iterator[Need]:
    """Yield the least bytes of the whole workload, then each buffer of the result."""
    traffic = [buffer for each in traced.launches for buffer in each.buffers]
    filled = sum(each.size_bytes for each in traced.fills)
    yield Need(
        f"load and store {{}} bytes at its real sizes, any correct kernel at least {workload.bytes}",
        workload.bytes,
        filled + sum(each.unique_load_bytes + each.unique_store_bytes for each in traffic),
        filled + sum(each.most_load_bytes + each.most_store_bytes for each in traffic),
    )
    for output in traced.outputs:
        filled = sum(each.size_bytes for each in traced.fills if each.buffer == output.buffer)
        stores = [each for each in traffic if each.buffer == output.buffer]
        yield Need(
            f"store {{}} bytes of a result of {output.size_bytes} at its real sizes",
            output.size_bytes,
            filled + sum(each.unique_store_bytes for each in stores),
            filled + sum(each.most_store_bytes for each in stores),
        )


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
