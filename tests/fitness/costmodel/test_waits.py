"""How often a program waits for memory: registers, unrolled loops, stages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.evaluation import Resources
from fitness.costmodel.trace import BufferTraffic, Dot, LaunchTrace
from fitness.costmodel.waits import hides_loads, memory_waits
from fitness.devices import H200, MI300X

PRODUCT = Dot(m=64, n=64, k=32, dtype="float16", precision="ieee", count=64)


def taking(registers: int = 32, warps: int = 4) -> Resources:
    return Resources(kernel="k", registers=registers, spills=0, shared_bytes=0, warps=warps, occupancy=1.0)


def adding_up(rows: int, columns: int, rounds: int) -> LaunchTrace:
    """A loop that adds float32 blocks of rows × columns in registers, and folds the sum at its end."""
    loaded = 4.0 * rows * columns * rounds
    return LaunchTrace(
        kernel="k", grid=(1, 1, 1), sampled=1, loads=rounds, rounds=rounds, repeats=rounds - 1, reductions=1,
        crossings=1, reduced_elements=rows * columns,
        buffers=(BufferTraffic(buffer=0, size_bytes=int(loaded), load_bytes=loaded),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "columns", "rounds", "registers", "measured_ms"),
    [
        (16, 32, 1024, 32, 0.268),
        (128, 32, 128, 56, 0.368),
        (16, 128, 1024, 40, 1.222),
        (128, 8, 128, 32, 0.094),
    ],
)
def test_strips_of_a_column_sum_wait_as_often_as_an_h200_showed(
    rows: int, columns: int, rounds: int, registers: int, measured_ms: float
) -> None:
    waits = memory_waits(adding_up(rows, columns, rounds), taking(registers), 1, H200)
    assert waits * H200.memory_latency_s * 1e3 == pytest.approx(measured_ms, rel=0.5)


def test_accumulators_leave_no_room_for_loads() -> None:
    small, large = (adding_up(128, columns, 128) for columns in (16, 128))
    assert memory_waits(large, taking(168), 1, H200) > 2 * memory_waits(small, taking(168), 1, H200)
    assert memory_waits(large, taking(254), 1, H200) < memory_waits(large, taking(168), 1, H200)


def test_rounds_that_a_reduction_ends_cannot_be_unrolled() -> None:
    free = adding_up(16, 32, 64)
    bound = LaunchTrace(
        kernel="k", grid=(1, 1, 1), sampled=1, loads=64, rounds=64, reductions=64, crossings=64,
        reduced_elements=64 * 512, buffers=free.buffers,
    )  # fmt: skip
    assert memory_waits(bound, taking(), 1, H200) == 64
    assert memory_waits(free, taking(), 1, H200) < 64 / 2


def test_stages_wait_together_and_hide_loads_from_the_third_on() -> None:
    loop = LaunchTrace(kernel="k", grid=(1, 1, 1), sampled=1, loads=128, rounds=64, dots=(PRODUCT,))
    assert [memory_waits(loop, taking(), stages, H200) for stages in (1, 2, 3, 5)] == [64, 64, 32, 16]
    assert [hides_loads(loop, stages, H200) for stages in (1, 2, 3)] == [False, False, True]
    assert [hides_loads(loop, stages, MI300X) for stages in (1, 2)] == [False, True]


@given(st.integers(1, 255), st.sampled_from([1, 4, 32]), st.integers(1, 9), st.integers(0, 200))
def test_a_program_waits_at_most_for_each_load_of_its_threads(
    registers: int, warps: int, stages: int, rounds: int
) -> None:
    trace = adding_up(64, 64, rounds) if rounds else LaunchTrace(kernel="k", grid=(1, 1, 1), sampled=1)
    waits = memory_waits(trace, taking(registers, warps), stages, H200)
    assert 0 <= waits <= max(1, 64 * 64 / (32 * warps)) * rounds
    assert (waits == 0) == (rounds == 0)
