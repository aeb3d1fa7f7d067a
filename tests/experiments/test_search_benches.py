"""The benchmarks of the search itself: small ones run, and the landscapes' optimum is what they say."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest

from evo.evaluation import Status
from evo.objective import geometric_speedup
from evo.settings import Mode
from experiments.bench import endurance, engine, landscape
from experiments.bench.landscapes import BITS, EACH_BIT, LANDSCAPES, Landscape, deceptive, kernel_of


@pytest.mark.parametrize("mode", list(Mode))
def test_a_small_search_and_its_resumption_are_measured(mode, tmp_path):
    path = tmp_path / "run.sqlite"
    seen: dict[str, float] = {}
    for step in engine.STEPS.values():
        seen |= step(mode, 100, path)
    assert all(value > 0 for value in seen.values())


def test_growth_is_read_off_the_run_and_not_off_what_disturbed_it():
    flat, rising = [2.0] * 1000, [1 + each / 999 for each in range(1000)]
    disturbed = [9.0 if 100 <= each < 250 else value for each, value in enumerate(flat)]
    assert engine.growth(flat) == engine.growth(disturbed) == 1
    assert engine.growth(rising) == pytest.approx(1.9 / 1.1, rel=0.1)
    assert engine.growth([1.0]) == 1


def test_memory_growth_is_that_of_most_of_the_run():
    samples = [{"told": 100.0 * each, "memory_mib": 50 + each / 10} for each in range(10)]
    samples[0]["memory_mib"] = 20.0
    assert endurance.memory_growth(samples) == pytest.approx(2**20 / 1000)


@pytest.mark.parametrize("name", list(LANDSCAPES))
def test_the_optimum_is_the_best_of_all_genomes(name):
    place = Landscape(name, 3)

    async def told() -> list:
        return [await place.evaluate(kernel_of(genome), place.task) for genome in range(2**BITS)[::7]]

    evaluations = asyncio.run(told())
    baseline = asyncio.run(place.evaluate(place.task.seed, place.task))
    assert baseline.passed
    speedups = [each for each in (geometric_speedup(e, baseline) for e in evaluations) if each is not None]
    assert max(speedups) <= 2**place.optimum * (1 + 1e-9)
    wrong = Counter(each.status for each in evaluations)[Status.WRONG]
    assert 0.05 < wrong / len(evaluations) < 0.15


def test_traps_lead_away_from_their_optimum():
    values = deceptive(np.random.default_rng(5))[:, 0]
    best = int(values.argmax())
    assert values[best] == 1
    for genome in (best ^ (1 << bit) for bit in range(BITS)):
        assert values[genome] == 0.75
    away = best ^ 0b1111
    assert values[away] > values[best ^ 1]
    assert EACH_BIT.shape == (2**BITS, BITS)


@pytest.mark.parametrize("feature", [None, landscape.BANDIT, *landscape.FEATURES])
def test_every_feature_searches_a_landscape(feature):
    assert 0 <= asyncio.run(landscape.reached(Landscape("rugged", 1), 1, feature)) <= 1


def test_intervals_hold_the_mean():
    differences = np.array([0.0, 0.1, 0.2, 0.4])
    low, high = landscape.interval(differences)
    assert 0 <= low < differences.mean() < high <= 0.4


def test_the_failing_evaluator_ends_in_every_way_it_may():
    null = engine.null_engine(Mode.GENERATIONAL, 1)
    evaluator = endurance.FailingEvaluator()
    kernels = [kernel_of(genome) for genome in range(300)]
    told = [asyncio.run(evaluator.evaluate(kernel, null.task)).status for kernel in kernels]
    assert set(told) == {Status.PASSED, *endurance.FAULTS}
    assert endurance.held()["files"] > 0
