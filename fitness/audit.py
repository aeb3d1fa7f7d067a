"""Whether a trace at a timed workload's real sizes can be that of a kernel which does the work.

Correctness is checked on small shapes. A kernel that does less on the large ones shows here: what any kernel
must move is known, and interpreted programs cannot hide what they touch.
"""

from __future__ import annotations

from collections.abc import Sequence

from evo.task import Workload
from fitness.costmodel.trace import Fill, LaunchTrace

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
