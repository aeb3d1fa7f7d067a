"""Comparing cells: pairs, many pairs, frontiers, lines in log k, and power."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.study.estimators.frontier import frontier
from experiments.study.estimators.log_linear import log_linear
from experiments.study.estimators.over_runs import Tasks
from experiments.study.estimators.paired import compared, holm, over_tasks, sign_flip
from experiments.study.estimators.power import (
    FIVE_PERCENT,
    Spread,
    power_of,
    seeds_needed,
    spread_of,
    spread_of_cell,
)

KS = (1, 2, 4, 8, 16, 32)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=8))
def test_signs_are_flipped_in_all_ways(differences):
    observed = abs(sum(differences))
    signs = itertools.product((-1, 1), repeat=len(differences))
    sums = [abs(sum(s * d for s, d in zip(each, differences, strict=True))) for each in signs]
    expected = sum(each >= observed for each in sums) / len(sums)
    assert sign_flip(np.array(differences, dtype=float)) == pytest.approx(expected)


def test_many_pairs_are_flipped_by_draws_to_nearly_the_same():
    differences = np.random.default_rng(0).normal(0.3, 1, 16)
    exact = sign_flip(differences)
    drawn = sign_flip(np.append(differences, 0.0))  # one more pair, which changes no sum
    assert drawn == pytest.approx(exact, abs=0.02)


def test_what_makes_a_task_easy_cancels():
    rng = np.random.default_rng(1)
    runs = rng.normal(0, 5, (3, 5))
    told = compared(runs + FIVE_PERCENT + rng.normal(0, 0.01, (3, 5)), runs)
    assert told.p < 0.001
    assert not told.difference.excludes(FIVE_PERCENT)
    assert told.ratio.value == pytest.approx(1.05, abs=0.02)
    assert told.pairs == 15


def test_of_such_tasks_runs_of_one_task_are_no_pairs_of_their_own():
    rng = np.random.default_rng(9)
    none = rng.normal(0, 0.5, (500, 3, 1)) + rng.normal(0, 0.05, (500, 3, 5))
    told = [compared(each, np.zeros((3, 5)), Tasks.SUCH) for each in none]
    assert sum(each.p < 0.05 for each in told) <= 40  # 5% of 500 and three standard errors
    assert all((each.p < 0.05) == each.difference.excludes(0.0) for each in told)
    assert over_tasks(np.ones((3, 5))) == 0.0
    assert over_tasks(np.zeros((3, 5))) == 1.0
    assert over_tasks(np.ones((1, 5))) == 1.0


def test_too_few_pairs_tell_nothing_however_far_apart():
    assert sign_flip(np.ones(5)) > 0.05
    assert power_of(5, 1, Spread(tasks=0.0, seeds=1e-9)) == 0.0
    assert power_of(6, 1, Spread(tasks=0.0, seeds=1e-9)) == pytest.approx(1.0)


def test_cells_have_the_same_runs():
    with pytest.raises(ValueError, match="run by run"):
        compared(np.zeros((3, 5)), np.zeros((3, 4)))


def test_holm_is_as_in_his_paper():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_adjusted_values_are_no_less_and_in_the_same_order(ps):
    adjusted = holm(np.array(ps))
    assert (adjusted >= np.array(ps) - 1e-12).all()
    assert (np.diff(adjusted[np.argsort(ps, kind="stable")]) >= 0).all()
    assert adjusted.max() <= 1


def mixes(best: float) -> np.ndarray:
    rng = np.random.default_rng(2)
    means = np.array([0.0, best, 0.0, -0.1])[:, None, None]
    return means + rng.normal(0, 0.05, (4, 3, 5))


def test_a_best_mix_that_stands_out_is_told_from_its_neighbours():
    told = frontier(("1x64", "4x16", "16x4", "64x1"), mixes(0.3))
    assert (told.best, told.neighbours, told.told_from_neighbours) == ("4x16", ("1x64", "16x4"), True)
    assert told.alike == ("4x16",)
    assert [each.mix for each in told.against] == ["1x64", "16x4", "64x1"]


def test_one_that_does_not_is_not():
    told = frontier(("1x64", "4x16", "16x4", "64x1"), mixes(0.0))
    assert not told.told_from_neighbours
    assert len(told.alike) >= 3


def test_a_frontier_names_its_mixes():
    with pytest.raises(ValueError, match="two mixes or more, each with its name"):
        frontier(("a", "a"), np.zeros((2, 3, 5)))


def walks(slopes: np.ndarray, seed: int) -> np.ndarray:
    """Return curves of 3 x 5 runs that gain so much a doubling, and more or less of it at each."""
    noise = np.random.default_rng(seed).normal(0, 0.1, (3, 5, len(slopes)))
    return np.cumsum(slopes + noise, axis=2)


def test_a_line_is_found_with_its_slope():
    told = log_linear(walks(np.full(6, 0.2), 3), KS)
    assert told.bends_at is None
    assert not told.slope.excludes(0.2)
    assert told.before == told.slope


def test_a_plateau_is_found_where_it_begins():
    told = log_linear(walks(np.array([0.0, 0.3, 0.3, 0.3, 0.0, 0.0]), 4), KS)
    assert told.bends_at == 8
    assert told.change is not None
    assert told.change.high < 0
    assert not told.before.excludes(0.3)


def test_a_line_is_seldom_taken_for_bent():
    bent = sum(log_linear(walks(np.full(6, 0.2), seed), KS).bends_at is not None for seed in range(200))
    assert bent <= 20  # 5% of 200 and three standard errors


def test_too_few_points_tell_no_bend():
    assert log_linear(walks(np.full(3, 0.2), 0), KS[:3]).p == 1.0


@pytest.mark.parametrize("ks", [(1, 2), (2, 1, 4), (0, 1, 2), (1, 1, 2)])
def test_ks_ascend_from_one(ks):
    with pytest.raises(ValueError, match="ascending from 1"):
        log_linear(np.zeros((3, 5, 3)), ks)


def test_power_is_what_repetitions_say():
    spread = Spread(tasks=0.0, seeds=0.1)
    seeds = seeds_needed(3, spread)
    assert seeds is not None
    rng = np.random.default_rng(5)
    differences = rng.normal(FIVE_PERCENT, spread.seeds, (1_500, 3 * seeds))
    errors = differences.std(axis=1, ddof=1) / math.sqrt(3 * seeds)
    found = (differences.mean(axis=1) / errors > 2.0).mean()
    assert found >= 0.77
    assert power_of(seeds, 3, spread) >= 0.8 > power_of(seeds - 1, 3, spread)


def test_seeds_do_not_help_against_tasks_that_differ():
    spread = Spread(tasks=0.2, seeds=0.1)
    assert seeds_needed(3, spread, Tasks.SUCH) is None
    assert seeds_needed(3, spread, Tasks.THESE) is not None


def test_without_spread_two_seeds_do():
    assert seeds_needed(3, Spread(tasks=0.0, seeds=0.0)) == 2
    assert seeds_needed(3, Spread(tasks=0.0, seeds=0.0), effect=0.0) is None


def test_components_are_found():
    rng = np.random.default_rng(6)
    values = rng.normal(0, 0.5, (400, 1)) + rng.normal(0, 0.2, (400, 5))
    told = spread_of(values)
    assert told.tasks == pytest.approx(0.5, rel=0.1)
    assert told.seeds == pytest.approx(0.2, rel=0.05)
    assert spread_of_cell(values) == Spread(tasks=0.0, seeds=told.seeds * math.sqrt(2))
