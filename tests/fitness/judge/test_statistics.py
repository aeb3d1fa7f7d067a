"""What is concluded from paired timings, on simulated ones whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.judge.statistics import Estimate, estimate, hopeless, log_ratio, noise_floor, settled, wins

BLOCKS = 24
RUNS = 200


def blocks(rng: np.random.Generator, truth: float = 0.0, count: int = BLOCKS) -> list[float]:
    """Return log ratios as paired blocks give them: mostly narrow noise, now and then an outlier."""
    noise = rng.normal(0.0, 0.004, count) + (rng.random(count) < 0.05) * rng.normal(0.0, 0.05, count)
    return list(truth + noise)


def drifting(rng: np.random.Generator, truth: float) -> list[float]:
    """Return log ratios of ABBA blocks of a device that gets 10% slower, with 1% noise a call."""
    told = []
    for block in range(BLOCKS):
        at = [1.0 + 0.1 * (4 * block + call) / (4 * BLOCKS) for call in range(4)]
        times = [each * math.exp(rng.normal(0.0, 0.01)) for each in at]
        a, b = (0, 3), (1, 2)
        if rng.random() < 0.5:
            a, b = b, a
        told.append(log_ratio([times[each] * math.exp(truth) for each in a], [times[each] for each in b]))
    return told


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    told = [estimate(blocks(rng, 0.02)) for _ in range(RUNS)]
    assert sum(each.low <= 0.02 <= each.high for each in told) / RUNS >= 0.97


def test_equal_kernels_hardly_ever_win() -> None:
    rng = np.random.default_rng(2)
    won = [wins(estimate(blocks(rng)), noise_floor(blocks(rng))) for _ in range(RUNS)]
    assert sum(won) / RUNS <= 0.005


def test_a_kernel_that_is_faster_by_more_than_the_noise_wins() -> None:
    rng = np.random.default_rng(3)
    won = [wins(estimate(blocks(rng, -0.02)), noise_floor(blocks(rng))) for _ in range(RUNS)]
    assert sum(won) / RUNS >= 0.99


def test_drift_falls_out() -> None:
    rng = np.random.default_rng(4)
    medians = [estimate(drifting(rng, 0.05)).median for _ in range(100)]
    assert abs(float(np.mean(medians)) - 0.05) < 0.001
    assert float(np.std(medians)) < 0.004


def test_a_race_rejects_the_slow_and_nobody_else() -> None:
    rng = np.random.default_rng(5)
    bound = math.log(1.25)
    assert all(hopeless(blocks(rng, math.log(1.4), 8), bound) for _ in range(40))
    assert not any(hopeless(blocks(rng, math.log(1.2), 8), bound) for _ in range(40))
    assert not any(hopeless(blocks(rng, math.log(0.2), 8), bound) for _ in range(40))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.floats(0, 1))
def test_bounds_hold_the_median_and_repeat(ratios: list[float], floor: float) -> None:
    told = estimate(ratios)
    assert told == estimate(ratios)
    assert min(ratios) <= told.low <= told.median <= told.high <= max(ratios)
    wide = told.widened(floor)
    assert wide.low <= told.median - floor
    assert told.median + floor <= wide.high
    assert noise_floor(ratios) >= abs(told.median)


def test_what_is_no_timing() -> None:
    for wrong in ([], [math.nan], [0.0, math.inf]):
        with pytest.raises(ValueError, match="finite"):
            estimate(wrong)
    with pytest.raises(ValueError, match="positive"):
        log_ratio([1.0, 0.0], [1.0, 1.0])
    assert Estimate(0.0, -0.1, 0.1).widened(0.5) == Estimate(0.0, -0.5, 0.5)


def test_blocks_are_settled_by_the_width_of_their_interval_alone() -> None:
    narrow = [0.3 + 1e-4 * at for at in range(8)]
    assert settled(narrow, 0.003)
    assert not settled([*narrow[:4], *(0.2 + each for each in narrow[4:])], 0.003)
    assert not settled([0.0] * 7 + [1e-9], 0.0)
