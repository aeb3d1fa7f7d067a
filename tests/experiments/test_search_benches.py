"""The benchmarks of the search itself: small ones run, and the landscapes' optimum is what they say."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import Kernel
from evo.evaluation import Status
from evo.objective import geometric_speedup
from evo.settings import Mode
from experiments.bench import endurance, engine, landscape, valleys
from experiments.bench.landscapes import BITS, Use, deceptive, kernel_of
from experiments.bench.moves import Mixes, Steps, Takes, Tunes
from experiments.bench.windows import Windows
from tests.operators.individuals import individual


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


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32), bits=st.integers(4, 9), width=st.integers(1, 4), workloads=st.integers(1, 3)
)
def test_the_best_genome_is_the_best_of_all(seed, bits, width, workloads):
    windows = Windows(np.random.default_rng(seed).random((workloads, bits, 2**width)))
    everywhere = [windows.values(genome).mean() for genome in range(2**bits)]
    assert windows.values(windows.best()).mean() == pytest.approx(max(everywhere))


@pytest.mark.parametrize("name", landscape.LANDSCAPES)
def test_none_is_better_than_the_optimum_and_a_tenth_is_wrong(name):
    place = landscape.landscape_of(name, 3)
    rng = random.Random(5)
    choices = list(itertools.product(*map(range, valleys.SETTINGS.values())))

    def drawn() -> Kernel:
        if name != landscape.VALLEYS:
            return kernel_of(rng.getrandbits(BITS))
        return kernel_of(valleys.genome_of_parts(rng.getrandbits(valleys.STRUCTURE), rng.choice(choices)))

    async def told() -> list:
        return [await place.evaluate(drawn(), place.task) for _ in range(4_000)]

    evaluations = asyncio.run(told())
    baseline = asyncio.run(place.evaluate(place.task.seed, place.task))
    assert baseline.passed
    speedups = [each for each in (geometric_speedup(e, baseline) for e in evaluations) if each is not None]
    assert 0 < max(speedups) <= 2**place.optimum * (1 + 1e-9)
    fits = [each for each in evaluations if each.status is not Status.OUT_OF_RESOURCES]
    wrong = Counter(each.status for each in fits)[Status.WRONG]
    assert 0.05 < wrong / len(fits) < 0.15
    assert len(fits) / len(evaluations) > 0.2


def test_the_optimum_of_the_valleys_is_where_the_best_structure_has_what_suits_it():
    judge = valleys.Valleys(np.random.default_rng(2))
    told = judge(judge.best)
    structure, suited = valleys.parts_of(judge.best)
    assert isinstance(told, Use)
    for drawn in itertools.product(*map(range, valleys.SETTINGS.values())):
        other = judge(valleys.genome_of_parts(structure, drawn))
        assert isinstance(other, Status) or list(drawn) == suited or other.values < told.values


def test_traps_lead_away_from_their_optimum():
    windows = deceptive(np.random.default_rng(5))
    best = windows.best()
    assert windows.values(best) == pytest.approx(1)
    for bit in range(BITS):
        assert windows.values(best ^ 1 << bit) == pytest.approx(1 - 4 / BITS)
    assert windows.values(best ^ 0b1111) > windows.values(best ^ 1)


@pytest.mark.parametrize("name", landscape.LANDSCAPES)
def test_every_variation_searches_every_landscape_that_it_is_for(name):
    told = landscape.searched(name, (17, 49), 1)
    only = {each: rules.only for each, rules in landscape.VARIATIONS.items()}
    assert told.keys() == {each for each, where in only.items() if where in (None, name)}
    for variation, shares in told.items():
        assert len(shares) == (2 if landscape.VARIATIONS[variation].longer else 1)
        assert 0 <= shares[0] <= shares[-1] <= 1


def test_synthetic_tuning_never_repeats_a_setting():
    tunes, rng = Tunes(), random.Random(0)
    genome = valleys.genome_of_parts(0b1011, valleys.ORDINARY)
    seen = {genome}
    for number in range(60):
        made = tunes.moved([genome], rng)
        assert made is not None
        assert valleys.parts_of(made)[0] == 0b1011
        assert made not in seen
        seen.add(made)
        tunes.observe(individual(kernel_of(made).source, number=number, speedup=rng.random()))


@pytest.mark.parametrize("move", [Takes(), Mixes()])
def test_crossing_a_genome_with_itself_changes_nothing(move):
    genome = valleys.genome_of_parts(0b101101, (3, 1, 4, 2))
    assert {move.moved([genome, genome], random.Random(key)) for key in range(20)} == {genome}


@given(
    st.integers(0, 2**12 - 1), st.tuples(*(st.integers(0, count - 1) for count in valleys.SETTINGS.values()))
)
def test_steps_move_one_or_two_settings_within_their_choices(structure, given_ones):
    genome = valleys.genome_of_parts(structure, given_ones)
    for key in range(5):
        same, moved = valleys.parts_of(Steps().moved([genome], random.Random(key)))
        assert same == structure
        assert sum(a != b for a, b in zip(given_ones, moved, strict=True)) in (0, 1, 2)
        assert all(each < count for each, count in zip(moved, valleys.SETTINGS.values(), strict=True))


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
