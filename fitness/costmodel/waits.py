"""How often a program waits for memory with nobody else on its unit, and whether its products hide that.

Two things decide how many loads are under way together. Where the compiler pipelines a loop with products, it
is the loop's stages. Elsewhere loads arrive in registers, and there is room for what the accumulators and the
addresses leave: a round that wants more waits several times. Within that room the compiler unrolls a loop
whose loads depend on nothing and that has no barrier, and has up to four loads under way.

Constants: read off the `strip` variants of one measured kernel, a column sum on an H200, where a round of a
single program takes a whole number of memory latencies (0.25 of one to 16).
"""

from __future__ import annotations

from evo.evaluation import Resources
from fitness.costmodel.trace import LaunchTrace
from fitness.devices import Device

REGISTER_BYTES = 4
OTHER_REGISTERS = 16
"""Registers that hold addresses, masks and counters."""
LEAST_LOADING_REGISTERS = 8
"""The compiler keeps at least two 16-byte loads under way."""
UNROLLED_LOADS = 4
"""Loads of an unrolled loop under way together."""


def memory_waits(trace: LaunchTrace, resources: Resources, num_stages: int, device: Device) -> float:
    """Return how many times a program waits for the memory's latency, one after the other.

    Args:
        trace: what it does.
        resources: what its binary takes.
        num_stages: its `num_stages` option.
        device: the target.
    """
    if not trace.rounds:
        return 0.0
    if trace.dots:
        return trace.rounds / max(1, num_stages - 1)
    crowded = _loading_registers(trace, resources, device) / _free_registers(trace, resources, device)
    unrolled = min(1.0, trace.loads / trace.rounds / UNROLLED_LOADS)
    bound = trace.rounds - trace.repeats
    return bound * max(1.0, crowded) + trace.repeats * max(unrolled, crowded)


def hides_loads(trace: LaunchTrace, num_stages: int, device: Device) -> bool:
    """Return whether loads go on under products.

    On Hopper it takes three stages: a warpgroup's product is still reading its buffer when the next load of a
    loop with two stages wants to write there.
    """
    return bool(trace.dots) and num_stages > (2 if device.backend == "cuda" else 1)


def _loading_registers(trace: LaunchTrace, resources: Resources, device: Device) -> float:
    """Return how many registers of a thread one round's loads fill."""
    loaded = sum(each.load_bytes for each in trace.buffers) / trace.rounds
    return loaded / (resources.warps * device.warp_size) / REGISTER_BYTES


def _free_registers(trace: LaunchTrace, resources: Resources, device: Device) -> float:
    """Return how many registers of a thread loads may fill.

    A loop whose loads wait for nothing adds up in a block, which a reduction then folds: that one stays in
    registers.
    """
    kept = 0.0
    if trace.repeats and trace.reductions:
        kept = trace.reduced_elements / trace.reductions / (resources.warps * device.warp_size)
    return max(LEAST_LOADING_REGISTERS, resources.registers - kept - OTHER_REGISTERS)
