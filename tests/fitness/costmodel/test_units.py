"""How long programs keep the pipes of a unit busy."""

from __future__ import annotations

import pytest

from evo.evaluation import Resources
from fitness.costmodel.trace import LaunchTrace
from fitness.costmodel.units import Pipes, issue_share, pipes_of
from fitness.devices import H200


def pipes(warps: int = 4, spills: int = 0, **counted: float) -> Pipes:
    trace = LaunchTrace(kernel="k", grid=(1, 1, 1), sampled=1, **counted)  # type: ignore[arg-type]
    resources = Resources(kernel="k", registers=32, spills=spills, shared_bytes=0, warps=warps, occupancy=1.0)
    return pipes_of(trace, resources, H200)


def test_few_warps_leave_issue_slots_empty() -> None:
    shares = [issue_share(warps, H200) for warps in (1, 4, 8, 16, 64)]
    assert shares == sorted(shares)
    assert shares[0] < shares[1] < 0.5
    assert shares[-2:] == [1, 1]
    work = pipes(float_ops=1e6)
    assert work.busiest(shares[1]) > work.busiest(1.0)
    assert work.alone(1, 0.0, False, H200) > work.alone(4, 0.0, False, H200)


def test_lanes_in_lines_of_their_own_are_served_one_after_the_other() -> None:
    side_by_side = pipes(loads=1, block_elements=1024, lane_bytes=4096, lane_lines=32, lane_accesses=256)
    strided = pipes(loads=1, block_elements=1024, lane_bytes=32768, lane_lines=1024, lane_accesses=1024)
    assert side_by_side.memory == pytest.approx(32 / H200.clock_hz)
    assert strided.memory == pytest.approx(1024 / H200.clock_hz)


def test_a_block_smaller_than_the_program_is_loaded_by_several_threads_each() -> None:
    one, four = (
        pipes(warps, loads=1, block_elements=32, lane_bytes=1024, lane_lines=32, lane_accesses=32).memory
        for warps in (1, 4)
    )
    assert four == pytest.approx(4 * one)


def test_only_reductions_across_warps_wait_at_a_barrier() -> None:
    within = pipes(reductions=10, crossings=0).waiting
    across = pipes(reductions=10, crossings=10).waiting
    assert across > 1.5 * within
    assert pipes(warps=1, reductions=10, crossings=10).waiting == within


def test_spilled_registers_take_the_memory_path() -> None:
    assert pipes(spills=100, rounds=4).memory > pipes(rounds=4).memory == 0


def test_loads_under_products_cost_only_what_is_longer() -> None:
    work = pipes(float_ops=0)
    product = Pipes(matrix=2e-6, shared=1e-6, arithmetic=0, special=0, memory=5e-7, waiting=0)
    assert product.alone(4, 3e-6, True, H200) == 3e-6
    assert product.alone(4, 1e-6, True, H200) == 2e-6
    assert product.alone(4, 1e-6, False, H200) == pytest.approx(3.5e-6)
    assert work.alone(4, 1e-6, False, H200) == 1e-6
