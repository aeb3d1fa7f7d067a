"""Which programs of a grid are sampled, as properties of all grids, and in traces of real kernels."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.interpreter.sampling import sampled_programs
from tests.fitness.costmodel.kernels import HEAD
from tests.fitness.interpreter.asking import spec, trace
from tests.fitness.interpreter.room import Ask

SIZES = st.integers(1, 200)
GRIDS = st.tuples(SIZES, SIZES, SIZES)

TRIANGLE = (
    HEAD
    + """
@triton.jit
def triangle(x_ptr, out_ptr, width, BLOCK: tl.constexpr):
    total = tl.zeros((BLOCK,), dtype=tl.float32)
    for step in range(0, tl.program_id(0) + 1):
        total += tl.load(x_ptr + step * BLOCK + tl.arange(0, BLOCK))
    row = tl.program_id(1) * width + tl.program_id(0)
    tl.store(out_ptr + row * BLOCK + tl.arange(0, BLOCK), total)

def entry(x):
    width = x.numel() // 16
    out = torch.empty((8, width, 16), device=x.device)
    triangle[(width, 8)](x, out, width, BLOCK=16)
    return out
"""
)


@given(GRIDS, st.integers(1, 8), st.integers())
def test_programs_are_of_the_grid_and_few(grid: tuple[int, int, int], samples: int, seed: int) -> None:
    programs = sampled_programs(grid, samples, random.Random(seed))
    total = math.prod(grid)
    assert len(set(programs)) == len(programs)
    assert all(0 <= at < size for each in programs for at, size in zip(each, grid, strict=True))
    # The one in the middle of a grid is its own mirror image.
    fewest = 1 if all(size % 2 for size in grid) else min(total, 2)
    assert fewest <= len(programs) <= max(2, samples)
    if total <= samples:
        assert len(programs) == total


@given(st.tuples(*[st.integers(4, 200)] * 3), st.integers())
def test_programs_mirror_each_other_and_reach_every_stretch(grid: tuple[int, int, int], seed: int) -> None:
    programs = sampled_programs(grid, 4, random.Random(seed))
    for one, other in zip(programs[0::2], programs[1::2], strict=False):
        assert (
            all(a + b == size - 1 for a, b, size in zip(one, other, grid, strict=True)) or len(programs) < 4
        )
    if len(programs) == 4:
        for axis, size in enumerate(grid):
            halves = sorted(each[axis] for each in programs)
            assert sum(halves) == 2 * (size - 1), "the mean is the middle of the grid"
            assert halves[0] < size / 4 + 1, "an outer stretch has one"


@pytest.mark.parametrize("width", [12, 33, 64])
def test_work_that_grows_along_the_grid_is_estimated_without_luck(room: Ask, width: int) -> None:
    (launch,) = trace(room, TRIANGLE, "entry", spec(width * 16)).launches
    assert (launch.grid, launch.sampled) == ((width, 8, 1), 4)
    assert launch.loads == (width + 1) / 2


def test_programs_that_take_long_are_sampled_in_one_pair(room: Ask) -> None:
    (launch,) = trace(room, TRIANGLE, "entry", spec(2048 * 16)).launches
    assert launch.sampled == 2
    assert launch.loads == (2048 + 1) / 2


MOSTLY_IDLE = (
    HEAD
    + """
@triton.jit
def few(x_ptr, out_ptr, working, BLOCK: tl.constexpr):
    if tl.program_id(0) >= working:
        return
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(out_ptr + at, tl.load(x_ptr + at))

def entry(x):
    out = torch.empty_like(x)
    working = x.numel() // 64
    few[(32 * working,)](x, out, working, BLOCK=64)
    return out
"""
)


def test_working_programs_are_looked_for_among_idle_ones(room: Ask) -> None:
    # As in a product of groups: the grid is as large as the largest group would need for each.
    (launch,) = trace(room, MOSTLY_IDLE, "entry", spec(64 * 300)).launches
    stored = sum(each.unique_store_bytes for each in launch.buffers)
    assert 0.5 < stored / (4 * 64 * 300) < 2


def test_a_small_grid_of_idle_programs_is_run_whole(room: Ask) -> None:
    source = MOSTLY_IDLE.replace("few[(32 * working,)]", "few[(9,)]").replace(">= working", ">= 0")
    (launch,) = trace(room, source, "entry", spec(64)).launches
    assert (launch.programs, launch.sampled, launch.buffers) == (9, 9, ())
