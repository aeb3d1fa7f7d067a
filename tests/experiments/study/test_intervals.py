"""Intervals over tasks and seeds: what they speak of, and how often they cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evo.evaluation import Status
from experiments.study.estimators.currency import gain_per_unit
from experiments.study.estimators.estimate import Estimate, of_units
from experiments.study.estimators.over_runs import Tasks, mean_over_runs, percentile, studentised, welch
from experiments.study.estimators.rates import (
    call_accuracy,
    execution_accuracy,
    fast_p,
    geometric_mean,
    median_of,
    proportion,
)

REPETITIONS = 400


def cells(seed: int, spread: float = 0.0) -> np.ndarray:
    """Return repetitions of three tasks and five seeds; the tasks' true means vary by the spread."""
    rng = np.random.default_rng(seed)
    tasks = rng.normal(0, spread, (REPETITIONS, 3, 1)) if spread else np.zeros((1, 3, 1))
    return tasks + rng.normal(0, 0.3, (REPETITIONS, 3, 5))


def coverage(intervals: list[Estimate]) -> float:
    return sum(not each.excludes(0.0) for each in intervals) / len(intervals)


def test_of_these_tasks_the_studentised_bootstrap_covers_where_percentiles_do_not():
    values = cells(1)
    assert 0.93 <= coverage([studentised(each) for each in values]) <= 0.98
    assert coverage([percentile(each, Tasks.THESE) for each in values]) < 0.93


def test_of_such_tasks_the_tasks_own_spread_counts():
    values = cells(2, spread=0.5)
    assert 0.93 <= coverage([mean_over_runs(each, Tasks.SUCH) for each in values]) <= 0.98
    assert coverage([mean_over_runs(each, Tasks.THESE) for each in values]) < 0.6
    assert coverage([percentile(each, Tasks.SUCH) for each in values]) < 0.9


@given(st.integers(0, 2**32), st.sampled_from(Tasks))
def test_one_seed_gives_one_interval(seed, tasks):
    values = np.random.default_rng(7).normal(size=(3, 4))
    assert mean_over_runs(values, tasks, seed) == mean_over_runs(values, tasks, seed)


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_intervals_move_and_stretch_with_the_values(scale, shift):
    values = np.random.default_rng(3).normal(size=(3, 5))
    plain, moved = studentised(values), studentised(values * scale + shift)
    assert moved.low == pytest.approx(plain.low * scale + shift)
    assert moved.high == pytest.approx(plain.high * scale + shift)


def test_of_one_task_welch_is_students_interval():
    values = np.random.default_rng(4).normal(size=(1, 6))
    low, high = stats.t.interval(0.95, 5, values.mean(), values.std(ddof=1) / math.sqrt(6))
    assert (welch(values).low, welch(values).high) == (pytest.approx(low), pytest.approx(high))


def test_one_seed_or_one_task_bounds_nothing():
    values = np.random.default_rng(5).normal(size=(3, 5))
    assert math.isinf(mean_over_runs(values[:, :1], Tasks.THESE).high)
    assert math.isinf(mean_over_runs(values[:1], Tasks.SUCH).high)
    assert math.isfinite(mean_over_runs(values[:, :1], Tasks.SUCH).high)


def test_one_run_that_differs_bounds_the_mean_and_none_leaves_no_doubt():
    values = np.ones((3, 5))
    assert studentised(values) == Estimate(value=1.0, low=1.0, high=1.0, error=0.0)
    values[0, 0] = 2.0
    told = studentised(values)
    assert told.low <= 1.0 < told.value < told.high < 2.0


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 3)), np.array([[1.0, np.nan]])])
def test_values_are_tasks_by_seeds_and_finite(values):
    with pytest.raises(ValueError, match="values must be"):
        mean_over_runs(values, Tasks.THESE)


def test_gain_per_unit_is_the_ratio_of_sums():
    gains, spent = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0, 20.0], [30.0, 40.0]])
    told = gain_per_unit(gains, spent)
    assert (told.value, told.error) == (pytest.approx(0.1), pytest.approx(0.0))
    with pytest.raises(ValueError, match="more than nothing"):
        gain_per_unit(gains, np.zeros((2, 2)))


def test_gain_per_unit_covers():
    rng = np.random.default_rng(6)
    spent = rng.uniform(5, 15, (REPETITIONS, 3, 5))
    gains = 0.1 * spent + rng.normal(0, 0.2, spent.shape)
    told = [gain_per_unit(*each) for each in zip(gains, spent, strict=True)]
    assert 0.92 <= sum(not each.excludes(0.1) for each in told) / len(told) <= 0.98


def test_rates_count_what_ran_what_is_right_and_what_is_fast():
    statuses = np.array([*map(str, (Status.PASSED, Status.WRONG, Status.COMPILE_ERROR, Status.PASSED))])
    assert call_accuracy(statuses).value == 0.75
    assert execution_accuracy(statuses).value == 0.5
    assert fast_p(np.array([2.0, np.nan, 1.0, 0.0]), 1.0).value == 0.25


@given(st.integers(1, 50), st.data())
def test_wilsons_interval_is_scipys(trials, data):
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    told = proportion(successes, trials)
    assert (told.low, told.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_the_medians_interval_covers():
    values = np.random.default_rng(8).exponential(size=(REPETITIONS, 9))
    told = [median_of(each) for each in values]
    assert sum(not each.excludes(math.log(2)) for each in told) / REPETITIONS >= 0.93
    assert math.isinf(median_of(values[0, :5]).high)


def test_a_geometric_mean_is_of_ratios():
    assert geometric_mean(np.array([[1.0, 4.0], [2.0, 8.0]]), axis=1) == pytest.approx([2.0, 4.0])


def test_one_unit_has_no_interval():
    assert math.isinf(of_units(np.array([1.0])).high)
