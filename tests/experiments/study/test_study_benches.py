"""Benchmarks of studies: what they print is what was simulated."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from experiments.bench import estimators, fleet, staleness
from experiments.bench.overlap import WAYS
from experiments.study.estimators.summaries import staleness_of
from experiments.study.simulator.costs import drawn_costs

CHECKPOINTS = (10, 20, 30)


@pytest.fixture
def table() -> staleness.Table:
    """Return two seeds of one landscape, each way a few evaluations long."""
    place = staleness.on_landscape("valleys", drawn_costs(making_seconds=20.0, evaluating_seconds=2.0), 1)
    return {
        way: [[staleness.seen_in(place, settings, seed, CHECKPOINTS) for seed in range(2)]]
        for way, settings in staleness.ways(30).items()
    }


def test_every_way_is_compared_with_one_in_flight(table):
    figures = staleness.figures_of(table, CHECKPOINTS)
    assert list(figures) == ["1", "4", "16", "64", "generational"]
    one, many = figures["1"]["20 evaluations"], figures["64"]["20 evaluations"]
    assert many["difference"] == pytest.approx(many["share"] - one["share"])
    assert many["hours"] < one["hours"]
    assert figures["64"]["staleness"] > figures["4"]["staleness"] > figures["1"]["staleness"]


@pytest.mark.parametrize(("bad", "recommended"), [((), 64), ((4,), 1), ((16,), 4), ((64,), 16)])
def test_the_most_is_recommended_that_is_not_told_to_be_worse(bad, recommended):
    def row(width: int) -> dict[str, object]:
        told = {"difference": -0.1, "p_holm": 0.01 if width in bad else 0.5}
        return {f"{count} evaluations": told for count in staleness.CHECKPOINTS}

    assert staleness.recommended({str(width): row(width) for width in staleness.WIDTHS}) == recommended


def test_the_simulator_goes_as_fast_as_the_real_loop_went():
    for name in ("steady", "steady, too few calls", "serial"):
        told = fleet.beside(WAYS[name], fleet.seen("overlap")[name])
        assert told["seconds_a_candidate_simulated"] == pytest.approx(
            told["seconds_a_candidate_seen"], rel=0.1
        )
        assert told["idle_simulated"] == pytest.approx(told["idle_seen"], abs=0.05)


def test_enough_calls_keep_gpus_busy_and_half_of_them_do_not():
    assert fleet.idle_share(fleet.fleet(8, 5 * 8, 3.0), 8) == pytest.approx(0.5, abs=0.1)
    assert fleet.idle_share(fleet.fleet(8, fleet.CHOSEN * 8, 3.0), 8) < 0.1


def test_needs_follow_from_the_rate():
    told = fleet.needs(8, [fleet.fleet(8, 88, 3.0)])
    rate = told["candidates_a_second"]
    assert 3 < rate < 5
    assert told["journal_records_a_second"] == pytest.approx(3 * rate)
    assert 0 < told["journal_busy"] < 0.01
    assert 0 < told["share_of_optimum"] <= 1


def test_a_fleets_run_is_as_stale_as_it_has_in_flight():
    trace = fleet.fleet(8, 88, 3.0)
    assert staleness_of(trace).most > 50
    assert not trace.generational


def test_intervals_are_counted_by_whether_they_cover():
    rng = np.random.default_rng(0)
    told = [estimators.welch(each) for each in rng.normal(size=(200, 3, 5))]
    assert estimators.share(told, np.zeros(200)) > 0.9
    assert estimators.share(told, np.full(200, 5.0)) == 0


def test_figures_are_rounded_however_deep():
    assert estimators.rounded({"a": {"b": 0.123456}}) == {"a": {"b": 0.1235}}
    assert fleet.rounded({"a": 12345.6, "b": (1, 2)}) == {"a": 12350.0, "b": (1, 2)}
    assert msgspec.json.encode(staleness.rounded({"a": 1.23456})) == b'{"a":1.235}'
