"""What launches move through the memory hierarchy."""

from __future__ import annotations

import pytest

from fitness.costmodel.trace import BufferTraffic, LaunchTrace
from fitness.costmodel.traffic import Traffic, traffic_of
from fitness.devices import H200

PROGRAMS = 4096
SLOTS = 16 * H200.units


def moved(**changes: float) -> Traffic:
    plain: dict[str, float] = {
        "load_bytes": 4096, "load_sector_bytes": 4096, "load_distinct_bytes": 4096, "load_pieces": 1,
        "unique_load_bytes": 4096 * PROGRAMS,
    }  # fmt: skip
    size = int((plain | changes).get("size_bytes", 4096 * PROGRAMS))
    rest = {name: value for name, value in (plain | changes).items() if name != "size_bytes"}
    buffer = BufferTraffic(buffer=0, size_bytes=size, **rest)  # type: ignore[arg-type]
    trace = LaunchTrace(kernel="k", grid=(PROGRAMS, 1, 1), sampled=4, buffers=(buffer,))
    return traffic_of(trace, SLOTS, H200, {})


def test_short_runs_of_sectors_cost_device_memory_more() -> None:
    times = [moved(load_pieces=4096 / run).memory_bytes for run in (32, 64, 128, 4096)]
    assert times == sorted(times, reverse=True)
    assert times[0] > 1.3 * times[-1]
    assert times[-1] == pytest.approx(4096 * PROGRAMS, rel=0.01)


def test_stores_of_parts_of_sectors_are_merged_in_the_cache() -> None:
    def storing(size: float) -> Traffic:
        return moved(
            load_bytes=0, load_sector_bytes=0, load_distinct_bytes=0, load_pieces=0, unique_load_bytes=0,
            store_bytes=size, store_sector_bytes=4096, store_distinct_bytes=4096, store_pieces=1,
            unique_store_bytes=4096 * PROGRAMS,
        )  # fmt: skip

    assert storing(512).l2_bytes == pytest.approx(3 * storing(4096).l2_bytes)


def test_a_sample_that_misses_a_ragged_edge_counts_as_the_whole_buffer() -> None:
    whole = 4096 * PROGRAMS
    assert moved(size_bytes=int(whole * 1.04)).memory_bytes == pytest.approx(1.04 * whole, rel=0.01)
    assert moved(size_bytes=2 * whole).memory_bytes == pytest.approx(whole, rel=0.01)


def test_first_loads_of_programs_that_share_wait_for_memory_together() -> None:
    shared = ((1, 1.0), (32, 1.0), (96, 3.0))
    traffic = moved(window=shared, unique_load_bytes=4096 * PROGRAMS / 32)  # type: ignore[arg-type]
    assert traffic.cold_share == pytest.approx(1 / 32, rel=0.1)
    assert traffic.first_cold_share == pytest.approx(1, rel=0.1)
