"""What a launch moves through each level of the memory hierarchy.

Programs run in waves: as many at once as the units hold. Within a wave a sector that several programs load is
fetched once (from the die's own second-level cache, where dies take programs in turn; from the last-level
cache for all dies together). A sector that a program loads again survives what all resident programs touch
in between; a sector that a later wave loads again survives what one wave touches. Spilled registers are
stored and loaded once a round, and survive likewise.

Device memory moves short runs of sectors at a loss, and the second-level cache merges stores of parts of
sectors with what it holds. Both constants are read off one measured kernel, a transpose on an H200: tiles
with runs of 32, 64 and 128 bytes on one side took 1.19, 1.09 and 1.04 times as long as those with longer
runs, and stores of single elements 0.94 ms where their sectors take 0.26.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from fitness.costmodel.trace import BufferTraffic, LaunchTrace, windowed
from fitness.devices import Device

SURVIVAL_STEPS = 60
RUN_OVERHEAD_BYTES = 12
"""What each run of neighbouring sectors costs device memory besides its bytes."""
MERGING_PASSES = 2
"""Passes through the second-level cache that a store of a part of a sector takes besides its own."""
NEARLY = 0.1
"""Sampled programs tell how much of a buffer a launch touches with about this error."""


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that the whole launch moves.

    Attributes:
        memory_bytes: between device memory and the last-level cache.
        last_level_bytes: between the last-level cache and the second-level caches.
        l2_bytes: between the second-level caches and the units.
        cold_share: share of the loaded sectors that come from device memory, 0 to 1.
        first_cold_share: the same where programs of a wave that load the same sectors wait together.
    """

    memory_bytes: float
    last_level_bytes: float
    l2_bytes: float
    cold_share: float
    first_cold_share: float


def survival(capacity: float, touched: float) -> float:
    """Return the chance that a line is still cached after `touched` bytes went by, 0 to 1.

    Caches replace more or less at random, so a cyclic walk over d bytes in a cache of C bytes hits with the
    probability h that solves h = exp(-(1 - h) d / C): each miss evicts one of the lines. All hit up to d = C.
    """
    ratio = touched / capacity
    if ratio <= 1:
        return 1.0
    hit = 0.0
    for _ in range(SURVIVAL_STEPS):
        hit = math.exp(-(1 - hit) * ratio)
    return hit


def traffic_of(
    trace: LaunchTrace, slots: int, device: Device, cached: Mapping[int, float], spilled_bytes: float = 0.0
) -> Traffic:
    """Return what a launch moves.

    Args:
        trace: what its programs do.
        slots: programs that the whole device holds at once.
        device: the target.
        cached: by buffer, the share of it that the last-level cache holds when the launch starts.
        spilled_bytes: bytes of registers that a program spills, stored and loaded once each round.
    """
    programs = trace.programs
    buffers = [_evened(each, programs) for each in trace.buffers]
    wave = max(1, min(programs, slots))
    on_die = max(1.0, wave / device.dies)
    last = device.last_level_bytes if device.dies > 1 else device.kept_bytes
    again_bytes = _between_loads(trace)
    l2_hit = survival(device.kept_bytes, on_die * again_bytes)
    last_hit = survival(last, wave * again_bytes) if device.dies > 1 else 0.0
    wave_bytes = sum(_shared(each, wave) + wave * each.store_distinct_bytes for each in buffers)
    later_hit = survival(last, wave_bytes)
    l2 = 2 * programs * spilled_bytes * max(1.0, trace.rounds)
    last_level = l2 * (1 - survival(device.kept_bytes, on_die * spilled_bytes))
    memory = l2 * (1 - survival(last, wave * spilled_bytes))
    loaded = asked = waited = 0.0
    for each in buffers:
        again = programs * max(0.0, each.load_sector_bytes - each.load_distinct_bytes) * (1 - l2_hit)
        last_level += programs * _on_die(each, on_die) / on_die + again
        fetched = programs * _shared(each, wave) / wave
        once = min(each.unique_load_bytes, fetched)
        cold = once * (1 - cached.get(each.buffer, 0.0)) + (fetched - once) * (1 - later_hit)
        loaded += (cold + again * (1 - last_hit)) * _run_cost(each.load_pieces, each.load_distinct_bytes)
        asked += programs * each.load_sector_bytes
        waited += fetched + programs * max(0.0, each.load_sector_bytes - each.load_distinct_bytes)
        stored = programs * each.store_distinct_bytes
        last_level += stored
        memory += min(stored, each.unique_store_bytes) * _run_cost(
            each.store_pieces, each.store_distinct_bytes
        )
        passes = 1 + MERGING_PASSES * (each.store_bytes < (1 - NEARLY) * each.store_sector_bytes)
        l2 += programs * (each.load_sector_bytes + passes * each.store_sector_bytes)
    return Traffic(
        memory_bytes=memory + loaded, last_level_bytes=last_level, l2_bytes=l2,
        cold_share=min(1.0, loaded / asked) if asked else 0.0,
        first_cold_share=min(1.0, loaded / waited) if waited else 0.0,
    )  # fmt: skip


def floor_bytes(trace: LaunchTrace, device: Device, cached: Mapping[int, float]) -> float:
    """Return what any such launch moves at least: cold reads, and writes that no cache can keep."""
    reads = sum(each.unique_load_bytes * (1 - cached.get(each.buffer, 0.0)) for each in trace.buffers)
    writes = sum(each.unique_store_bytes for each in trace.buffers)
    return reads + max(0.0, writes - device.last_level_bytes)


class Residency:
    """Which share of each buffer the last-level cache holds, from launch to launch of one call.

    It starts with nothing cached. A buffer keeps what was not pushed out by the bytes touched since.
    """

    def __init__(self, device: Device) -> None:
        self._capacity = device.last_level_bytes
        self._clock = 0.0
        self._touched: dict[int, tuple[float, float]] = {}

    def cached(self) -> dict[int, float]:
        """Return the cached share of each buffer touched so far, 0 to 1."""
        return {
            buffer: min(1.0, max(0.0, (self._capacity - (self._clock - when)) / size)) if size else 0.0
            for buffer, (when, size) in self._touched.items()
        }

    def touch(self, trace: LaunchTrace) -> None:
        """Take note of what a launch touches."""
        sizes = {each.buffer: max(each.unique_load_bytes, each.unique_store_bytes) for each in trace.buffers}
        self._clock += sum(sizes.values())
        for buffer, size in sizes.items():
            self._touched[buffer] = (self._clock, size)


def _run_cost(pieces: float, size: float) -> float:
    """Return how many times its bytes a buffer's traffic costs device memory."""
    return 1 + RUN_OVERHEAD_BYTES * pieces / size if size else 1.0


def _evened(buffer: BufferTraffic, programs: int) -> BufferTraffic:
    """Return a buffer's traffic, scaled to the whole buffer where the programs touch about all of it.

    Sampled programs lie at a ragged edge too often or too seldom.
    """
    changes: dict[str, float] = {}
    for kind in ("load", "store"):
        share = programs * getattr(buffer, f"{kind}_distinct_bytes") / max(1, buffer.size_bytes)
        if abs(share - 1) < NEARLY:
            names = (f"{kind}_{name}" for name in ("bytes", "sector_bytes", "distinct_bytes", "pieces"))
            changes |= {name: getattr(buffer, name) / share for name in names}
            changes[f"unique_{kind}_bytes"] = float(buffer.size_bytes)
    return msgspec.structs.replace(buffer, **changes)


def _shared(buffer: BufferTraffic, programs: float) -> float:
    """Return the distinct bytes that consecutive programs load of a buffer together."""
    return buffer.load_distinct_bytes * windowed(buffer.window, programs)


def _on_die(buffer: BufferTraffic, programs: float) -> float:
    """Return the distinct bytes that programs on one die load of a buffer together."""
    return buffer.load_distinct_bytes * windowed(buffer.die_window or buffer.window, programs)


def _between_loads(trace: LaunchTrace) -> float:
    """Return the bytes that a program touches between two loads of the same sector, on average."""
    distinct = sum(each.load_distinct_bytes for each in trace.buffers)
    loaded = sum(each.load_sector_bytes for each in trace.buffers)
    return trace.sector_bytes * distinct / loaded if loaded else 0.0
