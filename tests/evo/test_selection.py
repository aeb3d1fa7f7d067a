"""Selection through DEAP: randomness, ties, who is seen."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo import selection
from evo.archive import archive
from evo.candidate import Candidate, Proposal
from evo.evaluation import Status
from evo.objective import Individual, KernelFitness, assess
from tests.standins import kernel_of, measured, verdict

BASELINE = verdict(kernel_of(10))
BROKEN = [Status.REJECTED, Status.COMPILE_ERROR, Status.CRASHED, Status.WRONG]


def individual(number: int, value: int = 10, status: Status = Status.PASSED) -> Individual:
    proposal = Proposal(number=number, operator="step", parents=(), generation=1, key=0)
    plain = status if status in BROKEN else Status.PASSED
    kernel = kernel_of(value, status=plain)
    evaluation = verdict(kernel)
    if status is Status.DUPLICATE:
        evaluation = evaluation.as_duplicate_of(0)
    return assess(Candidate(proposal=proposal, kernel=kernel), evaluation, BASELINE)


individuals = st.lists(
    st.tuples(st.integers(1, 30), st.sampled_from([Status.PASSED, Status.DUPLICATE, *BROKEN])), max_size=12
).map(lambda drawn: [individual(number, *each) for number, each in enumerate(drawn)])


def test_the_global_random_state_is_restored_also_on_error():
    random.seed(3)
    before = random.getstate()
    rng = random.Random(1)
    with pytest.raises(IndexError), selection.drawing_from(rng):
        random.choice([random.random()][1:])
    assert random.getstate() == before
    twin = random.Random(1)
    twin.random()
    assert rng.getstate() == twin.getstate()


@given(pool=individuals, count=st.integers(0, 6), size=st.integers(1, 4), seed=st.integers(0, 99))
def test_tournament_returns_distinct_individuals_from_its_own_randomness(pool, count, size, seed):
    before = random.getstate()
    chosen = selection.tournament(pool, count, size, random.Random(seed))
    assert random.getstate() == before
    assert chosen == selection.tournament(pool, count, size, random.Random(seed))
    assert len({each.number for each in chosen}) == len(chosen) == min(count, len(pool))


def test_invalid_fitness_is_never_selected():
    good = individual(0)
    bare = Individual(candidate=good.candidate, evaluation=good.evaluation, fitness=KernelFitness())
    for select in selection.SELECTORS.values():
        for seed in range(20):
            assert select([bare, good, bare], 1, 3, random.Random(seed)) == [good]
            assert select([bare, good], 2, 3, random.Random(seed)) == [good]
            assert select([bare], 2, 3, random.Random(seed)) == []
    assert selection.survivors([bare, good], 2) == (good,)
    assert selection.best([bare]) is None
    assert archive([bare, good]) == (good,)
    assert archive([bare]) == ()


@given(pool=individuals, count=st.integers(1, 8), seed=st.integers(0, 99))
def test_survivors_are_the_best_and_do_not_depend_on_order(pool, count, seed):
    chosen = selection.survivors(pool, count)
    assert chosen == selection.survivors(random.Random(seed).sample(pool, len(pool)), count)
    assert not any(each.evaluation.status in selection.UNFIT for each in chosen)
    ranks = [(-each.fitness.values[0], -each.fitness.values[1], each.number) for each in chosen]
    assert ranks == sorted(ranks)
    out = [each for each in pool if each not in chosen and each.evaluation.status not in selection.UNFIT]
    assert all(worst <= (-each.fitness.values[0], -each.fitness.values[1], each.number)
               for worst in ranks[-1:] for each in out)  # fmt: skip


@given(pool=individuals)
def test_speed_is_compared_among_the_passed_only(pool):
    seen = selection.passed(pool)
    assert all(each.evaluation.passed for each in seen)
    elite = selection.best(pool)
    assert elite in seen if seen else elite is None
    assert elite is None or elite.speedup == max(each.speedup for each in seen)


def timed(number: int, wide: float, tall: float) -> Individual:
    """An individual that passed with these latencies in ms."""
    plain = individual(number)
    evaluation = msgspec.structs.replace(
        plain.evaluation, measurements=(measured("wide", wide), measured("tall", tall))
    )
    return assess(plain.candidate, evaluation, BASELINE)


@pytest.mark.parametrize("how", selection.SELECTORS)
@given(pool=individuals, count=st.integers(0, 6), size=st.integers(1, 4), seed=st.integers(0, 99))
def test_every_selector_returns_distinct_individuals_from_its_own_randomness(how, pool, count, size, seed):
    select = selection.SELECTORS[how]
    before = random.getstate()
    chosen = select(pool, count, size, random.Random(seed))
    assert random.getstate() == before
    assert chosen == select(pool, count, size, random.Random(seed))
    assert len({each.number for each in chosen}) == len(chosen) == min(count, len(pool))
    assert all(each in pool for each in chosen)


@given(pool=individuals, count=st.integers(1, 6), size=st.integers(1, 4), seed=st.integers(0, 99))
def test_truncation_draws_from_the_best_share(pool, count, size, seed):
    share = sorted(pool, key=selection.rank)[: max(count, -(-len(pool) // size))]
    assert all(each in share for each in selection.truncation(pool, count, size, random.Random(seed)))


def test_lexicase_keeps_the_specialists_that_a_mean_forgets():
    wide, tall, middling = timed(1, 0.1, 9.0), timed(2, 9.0, 0.1), timed(3, 0.9, 0.9)
    poor = [timed(number, 9.5 + number, 9.5 + number) for number in range(4, 8)]
    draws = [selection.lexicase([middling, wide, tall], 1, 3, random.Random(seed))[0] for seed in range(40)]
    assert {each.number for each in draws} >= {1, 2}
    draws = [selection.lexicase([wide, *poor], 1, 3, random.Random(seed))[0] for seed in range(20)]
    assert draws == [wide] * 20


@given(pool=individuals, seed=st.integers(0, 99))
def test_lexicase_sees_those_that_passed_and_progress_decides_among_the_others(pool, seed):
    chosen = selection.lexicase(pool, len(pool), 2, random.Random(seed))
    speeds = [each.evaluation.passed for each in chosen]
    assert speeds == sorted(speeds, reverse=True)
    others = [each for each in pool if not each.evaluation.passed]
    assert selection.lexicase(others, 3, 2, random.Random(seed)) == selection.tournament(
        others, 3, 2, random.Random(seed)
    )


def test_distinct_ones_differ_in_speed_and_broken_ones_all_stay():
    pool = [
        individual(0, 10_000), individual(1, 10_000), individual(2, 10_001), individual(3, 10_100),
        individual(4, status=Status.WRONG), individual(5, status=Status.WRONG),
        individual(6, status=Status.DUPLICATE),
    ]  # fmt: skip
    assert [each.number for each in selection.distinct(pool, 9)] == [3, 2, 4, 5]
    assert [each.number for each in selection.distinct(pool, 2)] == [3, 2]
