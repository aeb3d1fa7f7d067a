"""Best of k: against all choices one by one."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.study.estimators.best_of import (
    best_of_k,
    best_of_k_estimate,
    best_of_k_without_each,
    jackknife_variance,
    pseudo_values,
)

RUNS = st.lists(st.floats(-10, 10), min_size=1, max_size=8)


@given(RUNS, st.data())
def test_it_is_the_mean_of_the_best_over_all_choices(runs, data):
    k = data.draw(st.integers(1, len(runs)))
    expected = np.mean([max(chosen) for chosen in itertools.combinations(runs, k)])
    assert best_of_k(np.array(runs), k) == pytest.approx(expected, abs=1e-9)


@given(RUNS)
def test_it_grows_with_k_from_the_mean_to_the_maximum(runs):
    curve = [float(best_of_k(np.array(runs), k)) for k in range(1, len(runs) + 1)]
    assert curve[0] == pytest.approx(np.mean(runs), abs=1e-9)
    assert curve[-1] == pytest.approx(max(runs), abs=1e-9)
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(curve))


@given(st.integers(1, 60), st.data())
def test_of_zeros_and_ones_it_is_pass_at_k(runs, data):
    right, k = data.draw(st.integers(0, runs)), data.draw(st.integers(1, runs))
    values = np.array([1.0] * right + [0.0] * (runs - right))
    expected = 1 - math.comb(runs - right, k) / math.comb(runs, k)
    assert best_of_k(values, k) == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=8), st.data())
def test_each_run_left_out_is_as_if_it_had_not_been_made(runs, data):
    k = data.draw(st.integers(1, len(runs) - 1))
    ordered = np.sort(runs)
    expected = [float(best_of_k(np.delete(ordered, place), k)) for place in range(len(runs))]
    assert best_of_k_without_each(np.array(runs), k) == pytest.approx(expected, abs=1e-9)


def test_the_best_of_one_has_the_variance_of_a_mean():
    runs = np.random.default_rng(0).normal(size=12)
    assert jackknife_variance(runs, 1) == pytest.approx(runs.var(ddof=1) / 12)


def test_hundreds_of_runs_overflow_nothing():
    runs = np.arange(2_000.0)
    assert best_of_k(runs, 1_000) == pytest.approx(2_001 * 1_000 / 1_001 - 1)


@given(st.integers(0, 2**32))
def test_pseudo_values_add_up_to_the_curve(seed):
    values = np.random.default_rng(seed).normal(size=(3, 9))
    curve = [best_of_k(values, k) for k in (1, 2, 4)]
    told = pseudo_values(values, (1, 2, 4)).mean(axis=1).T
    assert told == pytest.approx(np.array(curve))


def test_an_interval_needs_two_choices_of_their_own():
    values = np.random.default_rng(0).normal(size=(3, 8))
    assert math.isfinite(best_of_k_estimate(values, 4).high)
    assert math.isinf(best_of_k_estimate(values, 5).high)


@pytest.mark.parametrize("k", [0, 6])
def test_k_is_at_least_one_and_at_most_the_runs(k):
    with pytest.raises(ValueError, match=f"k from 1 to the 5 runs, got {k}"):
        best_of_k(np.zeros(5), k)
