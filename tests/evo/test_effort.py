"""Effort: the search goes on where little was tried, and asks for nothing twice in a generation."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Candidate, Proposal
from evo.effort import Effort, least_tried
from evo.evaluation import Status
from evo.islands import Islands
from evo.making import redrawn
from evo.objective import Individual, assess
from evo.proposing import SelectingProposer
from evo.settings import Mode, PopulationKind, Selection
from tests.evo.driving import ShuffledEvaluator, digest, drive, session
from tests.evo.test_selection import individual, individuals
from tests.standins import (
    ChainPortfolio,
    SyntheticEvaluator,
    SyntheticOperator,
    kernel_of,
    search_settings,
    synthetic_engine,
    synthetic_task,
    verdict,
)

DRAWS = 2_000


def child(number: int, parent: int, value: int, operator: str = "step") -> Individual:
    proposal = Proposal(number=number, operator=operator, parents=(parent,), generation=1, key=0)
    kernel = kernel_of(value)
    return assess(Candidate(proposal=proposal, kernel=kernel), verdict(kernel), verdict(kernel_of(10)))


def shares(pool: list[Individual], effort: Effort) -> Counter[int]:
    rng = random.Random(0)
    return Counter(least_tried(pool, 1, effort, rng)[0].number for _ in range(DRAWS))


@given(pool=individuals, count=st.integers(0, 6), seed=st.integers(0, 99))
def test_parents_are_distinct_and_drawn_from_their_own_randomness(pool, count, seed):
    before = random.getstate()
    chosen = least_tried(pool, count, Effort(), random.Random(seed))
    assert random.getstate() == before
    assert chosen == least_tried(pool, count, Effort(), random.Random(seed))
    able = [each for each in pool if each.evaluation.status is not Status.DUPLICATE]
    assert len({each.number for each in chosen}) == len(chosen) == min(count, len(able))


def test_a_new_best_is_followed_up_until_it_is_exhausted():
    pool = [individual(0, 10), individual(1, 12), individual(2, 13)]
    effort = Effort()
    fresh = shares(pool, effort)
    assert fresh[2] > 2 * (fresh[0] + fresh[1])
    for number in range(3, 103):
        effort.settle(child(number, 2, 5), {2: pool[2]})
    tired = shares(pool, effort)
    assert tired[2] < tired[1]
    assert min(tired.values()) > 0


def test_what_is_far_slower_is_drawn_less_at_the_same_place():
    close, far = [individual(0, 20), individual(1, 19)], [individual(0, 20), individual(1, 10)]
    assert shares(far, Effort())[1] < shares(close, Effort())[1] / 4


def test_broken_ones_are_drawn_where_too_few_have_passed():
    pool = [individual(0), individual(1, status=Status.WRONG), individual(2, status=Status.CRASHED)]
    assert set(shares(pool, Effort())) == {0}
    assert {each.number for each in least_tried(pool, 3, Effort(), random.Random(0))} == {0, 1, 2}


def test_a_child_that_says_nothing_new_inherits_what_was_tried():
    parent, effort = individual(0, 10), Effort()
    members = {0: parent}
    for number, value in ((1, 4), (2, 10), (3, 20)):
        effort.settle(child(number, 0, value), members)
    assert [effort.of(number) for number in range(4)] == [3, 0, 2, 0]
    effort.forget([individual(2)])
    assert [effort.of(number) for number in range(4)] == [0, 0, 2, 0]


def drawn(count: int) -> tuple[Proposal, ...]:
    """Draw from a population of one with one operator."""
    rules = search_settings(selection=Selection.EFFORT, population_kind=PopulationKind.DISTINCT)
    islands = Islands(rules)
    islands.absorb([child(0, 0, 10)])
    operators = {"step": SyntheticOperator()}
    proposer = SelectingProposer(synthetic_task(), rules, operators, ChainPortfolio())
    proposals = proposer.draw(range(1, count + 1), 1, islands)
    assert proposals is not None
    return proposals


def test_proposals_that_are_alike_take_turns_in_the_order_of_the_first():
    proposals = drawn(4)
    assert [each.turn for each in proposals] == [0, 1, 2, 3]
    assert {each.order for each in proposals} == {proposals[0].key}
    assert len({each.key for each in proposals}) == 4
    again = redrawn(proposals[2], 1)
    assert (again.turn, again.order) == (0, again.key)


BUSY = {"selection": Selection.EFFORT, "population_kind": PopulationKind.DISTINCT, "offspring": 6}


@pytest.mark.parametrize("seed", [1, 2])
def test_workers_and_their_order_change_nothing(tmp_path, seed):
    def run(workers: int) -> str:
        rules = search_settings(
            **BUSY, seed=seed, budget=Budget(evaluations=60), proposals_in_flight=workers,
            evaluations_in_flight=workers,
        )  # fmt: skip
        evaluator = ShuffledEvaluator(SyntheticEvaluator(), random.Random(workers))
        return digest(session(tmp_path / f"{workers}.sqlite", rules, evaluator=evaluator)[0])

    assert run(1) == run(2) == run(7)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_resumed_search_knows_what_was_tried(tmp_path, mode):
    rules = {**BUSY, "mode": mode, "evaluations_in_flight": 1, "proposals_in_flight": 1}
    path = tmp_path / "run.sqlite"
    for evaluations in (13, 31, 44):
        resumed, _ = session(path, search_settings(**rules, budget=Budget(evaluations=evaluations)))
    whole, _ = session(tmp_path / "whole.sqlite", search_settings(**rules, budget=Budget(evaluations=44)))
    if mode is Mode.STEADY:
        assert digest(resumed) == digest(whole)
    again, _ = session(path, search_settings(**rules, budget=Budget(evaluations=44)))
    assert digest(again) == digest(resumed)
    tried = again._ledger.islands.effort
    assert [tried.of(each) for each in range(44)] == [
        resumed._ledger.islands.effort.of(each) for each in range(44)
    ]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), islands=st.integers(1, 3))
def test_what_is_remembered_is_of_members_only(seed, islands):
    engine = synthetic_engine(
        search_settings(**BUSY, seed=seed, islands=islands, budget=Budget(evaluations=50))
    )
    drive(engine)
    members = {each.number for each in engine.population}
    tried = {number for number in range(50) if engine._ledger.islands.effort.of(number)}
    assert tried <= members


def begun(number: int, generation: int, value: int) -> Individual:
    proposal = Proposal(number=number, operator="step", parents=(), generation=generation, key=0)
    kernel = kernel_of(value)
    return assess(Candidate(proposal=proposal, kernel=kernel), verdict(kernel), verdict(kernel_of(10)))


def beginnings(values: list[int], **rules: object) -> list[list[int]]:
    """Return who is on the island after each generation of one individual with this value."""
    islands, seen = Islands(search_settings(**{**BUSY, "patience": 2, **rules})), []
    for generation, value in enumerate(values):
        islands.absorb([begun(generation, generation, value)])
        islands.end_generation(generation)
        seen.append([each.number for each in islands.members[0]])
    return seen


def test_an_island_that_is_exhausted_begins_again_with_the_founders():
    seen = beginnings([10, 30, 29, 28, 20])
    assert seen[2:4] == [[1, 2, 0], [0]]
    assert seen[4] == [4, 0]


def test_it_has_twice_the_patience_then_and_brings_its_beginnings_together():
    seen = beginnings([10, 30, 29, 28, 20, 19, 18, 17, 16])
    assert seen[7] == [4, 5, 6, 7][:4]
    assert seen[8] == [1, 4]


def test_what_is_as_fast_as_the_best_is_no_better_best():
    assert beginnings([100_000, 300_000, 300_001, 300_002])[3] == [0]
    assert beginnings([100_000, 300_000, 300_001, 310_000])[3][0] == 3


def test_other_selections_and_a_restart_of_ones_own_know_no_patience():
    values = [10, 30, 29, 28, 20]
    assert 1 in beginnings(values, selection=Selection.TOURNAMENT)[3]
    assert beginnings(values, restart_after=2)[3] == [1]
