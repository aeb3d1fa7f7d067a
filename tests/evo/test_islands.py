"""Islands: who lives where, migration, restarts, islands that select in their own way."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Candidate, Proposal
from evo.errors import SettingsError
from evo.events import GenerationEnded, Told
from evo.islands import Islands
from evo.objective import assess
from evo.settings import IslandRules, SearchRules, Selection
from tests.evo.driving import digest, drive, session
from tests.standins import SyntheticOperator, kernel_of, search_settings, synthetic_engine, verdict

BASELINE = verdict(kernel_of(10))


def individual(number: int, value: int, island: int = 0):
    generation = 0 if number == 0 else 1
    proposal = Proposal(
        number=number, operator="step", parents=(), generation=generation, key=0, island=island
    )
    kernel = kernel_of(value)
    return assess(Candidate(proposal=proposal, kernel=kernel), verdict(kernel), BASELINE)


def numbers(islands: Islands) -> list[list[int]]:
    return [[each.number for each in members] for members in islands.members]


def settled(rules: SearchRules, *generations) -> Islands:
    """Return islands after the seed and these generations of (number, value, island)."""
    islands = Islands(rules)
    islands.absorb([individual(0, 10)])
    islands.end_generation(0)
    for generation, drawn in enumerate(generations, start=1):
        islands.absorb([individual(*each) for each in drawn])
        islands.end_generation(generation)
    return islands


def test_the_seed_is_on_every_island_and_others_on_their_own():
    islands = settled(SearchRules(islands=3, population=2), [(1, 12, 0), (2, 9, 1), (3, 13, 0)])
    assert numbers(islands) == [[3, 1], [0, 2], [0]]
    assert [each.number for each in islands.union] == [3, 1, 0, 2]


def test_migrants_go_along_the_ring_and_compete_for_places():
    rules = SearchRules(islands=3, population=2, migration_every=2, migrants=1)
    first = [(1, 30, 0), (2, 20, 1), (3, 40, 2), (4, 35, 2)]
    assert numbers(settled(rules, first)) == [[1, 0], [2, 0], [3, 4]]
    assert numbers(settled(rules, first, [])) == [[3, 1], [1, 2], [3, 4]]


def test_no_more_migrate_than_the_smallest_island_has():
    rules = SearchRules(islands=2, population=4, migration_every=1, migrants=3)
    assert numbers(settled(rules, [(1, 30, 0), (2, 20, 0)])) == [[1, 2, 0], [1, 0]]


def test_a_stuck_island_begins_again_with_the_best_of_each():
    rules = SearchRules(islands=2, population=4, migration_every=99, restart_after=2)
    first, second, third = [(1, 20, 0), (2, 15, 0), (3, 12, 1)], [(4, 30, 0), (5, 1, 1)], [(6, 31, 0)]
    assert numbers(settled(rules, first, second)) == [[4, 1, 2, 0], [3, 0, 5]]
    assert numbers(settled(rules, first, second, third)) == [[6, 4, 1, 2], [6, 3]]
    alone = SearchRules(population=4, restart_after=1)
    assert numbers(settled(alone, [(1, 20, 0), (2, 9, 0)], [(3, 11, 0)])) == [[1]]


@settings(max_examples=20)
@given(
    islands=st.integers(1, 7),
    every=st.integers(1, 3),
    migrants=st.integers(1, 6),
    restart=st.none() | st.integers(1, 3),
    order=st.integers(0, 2**32),
)
def test_islands_keep_to_their_size_and_the_order_of_tells_changes_nothing(
    islands, every, migrants, restart, order
):
    rules = search_settings(
        islands=islands, migration_every=every, migrants=migrants, restart_after=restart, seed=order
    )
    straight, mixed = synthetic_engine(rules), synthetic_engine(rules)
    state = random.getstate()
    events = [drive(straight), drive(mixed, lambda told: random.Random(order).sample(told, len(told)))]
    assert random.getstate() == state
    assert digest(straight) == digest(mixed)
    kept = [[repr(each) for each in drawn if not isinstance(each, Told)] for drawn in events]
    assert kept[0] == kept[1]
    for ended in (each for each in events[0] if isinstance(each, GenerationEnded)):
        assert len(ended.islands) == islands
        assert all(1 <= len(members) <= rules.population for members in ended.islands)
        members = {number for island in ended.islands for number in island}
        assert sorted(each.number for each in ended.population) == sorted(members)
        assert straight.elite.number not in range(ended.told) or straight.elite.number in members


def test_proposals_take_turns_and_parents_come_from_their_island():
    engine = synthetic_engine(search_settings(islands=3, migration_every=99))
    drive(engine)
    for each in list(engine.individuals.values())[1:]:
        proposal = each.candidate.proposal
        assert proposal.island == (proposal.number - 1) % 3
        parents = [engine.individuals[number].candidate.proposal for number in proposal.parents]
        assert all(parent.number == 0 or parent.island == proposal.island for parent in parents)


def test_where_no_operator_applies_the_next_island_steps_in():
    class Picky(SyntheticOperator):
        def applies(self, parents, task):
            return all(parent.candidate.proposal.island == 1 or parent.number < 3 for parent in parents)

    engine = synthetic_engine(
        search_settings(islands=2, population=1, budget=Budget(evaluations=40)),
        operators={"picky": Picky("picky", faults=0)},
    )
    drive(engine)
    assert engine.told == 40
    assert {each.candidate.proposal.island for each in list(engine.individuals.values())[-10:]} == {1}


def test_islands_select_in_their_own_way():
    own = (IslandRules(tournament=9), IslandRules(selection=Selection.LEXICASE))
    rules = search_settings(islands=2, island=own)
    assert [rules.selecting(each) for each in range(2)] == [("tournament", 9), ("lexicase", 2)]
    engines = [synthetic_engine(search_settings(islands=2, **each)) for each in ({}, {"island": own})]
    for engine in engines:
        drive(engine)
    assert digest(engines[0]) != digest(engines[1])
    with pytest.raises(SettingsError, match="each of 3 islands or for none, got 2"):
        search_settings(islands=3, island=own)
    with pytest.raises(SettingsError, match=r"island\.tournament must be 1 to 100000, got 0"):
        IslandRules(tournament=0)


def test_a_run_of_islands_resumes_to_the_same_end(tmp_path):
    rules = {"islands": 3, "migration_every": 1, "restart_after": 2}
    straight = synthetic_engine(search_settings(**rules))
    drive(straight)
    for evaluations in (7, 12, 23):
        budget = Budget(evaluations=evaluations)
        engine, _ = session(tmp_path / "run.sqlite", search_settings(**rules, budget=budget))
    assert digest(engine) == digest(straight)
    assert [e.number for e in engine.population] == [e.number for e in straight.population]
