"""The engine as ask and tell: order, repeats, duplicates, budgets, refusals."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Candidate, Kernel
from evo.courses import NO_OPERATOR
from evo.errors import SeedError, SettingsError
from evo.evaluation import Source, Stage, Status
from evo.events import GenerationEnded, Settled, Stopped, Told
from evo.settings import SearchSettings, Selection
from tests.evo.driving import answer, digest, drive
from tests.standins import (
    ChainPortfolio,
    SyntheticOperator,
    Unfit,
    kernel_of,
    search_settings,
    synthetic_engine,
    synthetic_task,
    verdict,
)


def shuffled(seed: int):
    rng = random.Random(seed)
    return lambda told: rng.sample(told, len(told))


@settings(max_examples=40)
@given(order=st.integers(0, 2**32), run=st.integers(0, 2**64 - 1))
def test_the_order_of_tells_changes_nothing(order, run):
    straight, mixed = (synthetic_engine(search_settings(seed=run)) for _ in range(2))
    events = [drive(straight), drive(mixed, shuffled(order))]
    assert digest(straight) == digest(mixed)
    settled = [[e for e in each if not isinstance(e, Told)] for each in events]
    assert [repr(e) for e in settled[0]] == [repr(e) for e in settled[1]]


@settings(max_examples=25)
@given(order=st.integers(0, 2**32))
def test_repeated_tells_are_ignored(order):
    once, often = synthetic_engine(), synthetic_engine()
    drive(once)
    rng = random.Random(order)
    past = []
    while answers := answer(often):
        for told in rng.sample(answers, len(answers)):
            assert often.tell(*told)
            past.append(told)
            before = often.told
            assert often.tell(*rng.choice(past)) == []
            assert often.told == before
    assert digest(once) == digest(often)


def test_portfolio_is_credited_in_proposal_order_at_barriers_only():
    portfolio = ChainPortfolio()
    engine = synthetic_engine(portfolio=portfolio)
    engine.tell(*answer(engine)[0])
    answers = answer(engine)
    for told in reversed(answers[1:]):
        engine.tell(*told)
    assert portfolio.credited == [0]
    engine.tell(*answers[0])
    assert portfolio.credited == [0, 1, 2, 3, 4, 5]


def test_the_seed_settles_alone_and_is_the_baseline():
    engine = synthetic_engine()
    assert (engine.baseline, engine.elite, engine.generation) == (None, None, 0)
    [(candidate, evaluation)] = answer(engine)
    assert (candidate.number, candidate.proposal.operator) == (0, "seed")
    events = engine.tell(candidate, evaluation)
    assert [type(event) for event in events] == [Told, Settled, GenerationEnded]
    assert engine.baseline == evaluation
    assert engine.elite is engine.individuals[0]
    assert engine.elite.speedup == 1.0
    assert engine.generation == 1


def test_a_seed_that_fails_is_an_error_with_its_feedback():
    engine = synthetic_engine(task=synthetic_task(kernel_of(1, status=Status.WRONG).source))
    [told] = answer(engine)
    with pytest.raises(SeedError, match="WRONG: ends as WRONG"):
        engine.tell(*told)


@pytest.mark.parametrize("evaluations", [1, 2, 6, 7, 13])
def test_exactly_the_budget_is_asked(evaluations):
    engine = synthetic_engine(search_settings(budget=Budget(evaluations=evaluations)))
    events = drive(engine)
    assert engine.told == engine.asked == evaluations
    noun = "evaluation" if evaluations == 1 else "evaluations"
    assert events[-1] == Stopped(reason=f"{evaluations} {noun} made") == Stopped(reason=engine.stopped)
    assert sum(isinstance(event, Stopped) for event in events) == 1


def test_population_and_offspring_of_one():
    engine = synthetic_engine(search_settings(population=1, offspring=1, tournament=1))
    drive(engine)
    assert engine.told == 23
    assert len(engine.population) == 1
    assert all(len(each.candidate.proposal.parents) <= 1 for each in engine.individuals.values())


@pytest.mark.parametrize("how", list(Selection))
def test_every_selection_searches_in_any_order_of_tells(how):
    straight, mixed = (synthetic_engine(search_settings(selection=how)) for _ in range(2))
    drive(straight)
    drive(mixed, shuffled(3))
    assert digest(straight) == digest(mixed)
    assert straight.elite.speedup > 1


def test_with_elites_only_so_many_of_the_former_survivors_stay():
    engine = synthetic_engine(search_settings(elites=1, population=4))
    engine.tell(*answer(engine)[0])
    tell_generation(engine, [kernel_of(value) for value in (20, 19, 18, 17, 16)], range(5))
    assert [each.number for each in engine.population] == [1, 2, 3, 4]
    tell_generation(engine, [kernel_of(value) for value in (5, 4, 3, 2, 1)], range(5))
    assert [each.number for each in engine.population] == [1, 6, 7, 8]
    with pytest.raises(SettingsError, match="elites must be 1 to 100000, got 0"):
        search_settings(elites=0)


def test_target_is_seen_at_the_barrier():
    engine = synthetic_engine(search_settings(budget=Budget(target_speedup=1.5)))
    drive(engine)
    assert engine.stopped == "target speed-up 1.5x reached"
    assert engine.elite.speedup >= 1.5
    assert engine.told % 5 == 1


def test_stagnation_counts_generations_without_a_better_elite():
    operators = {"same": SyntheticOperator("same", reach=1, faults=16)}
    engine = synthetic_engine(search_settings(budget=Budget(stagnant_generations=3)), operators=operators)
    events = drive(engine)
    assert engine.stopped == "no gain in 3 generations"
    assert [event.generation for event in events if isinstance(event, GenerationEnded)] == [0, 1, 2, 3]


def test_a_search_without_an_applicable_operator_stops():
    engine = synthetic_engine(operators={"unfit": Unfit()})
    assert drive(engine)[-1] == Stopped(reason=NO_OPERATOR)
    assert engine.ask() is None


def test_an_operator_that_applies_to_one_individual_only_finds_it():
    class Picky(SyntheticOperator):
        def applies(self, parents, task):
            return parents[0].number == 0

    engine = synthetic_engine(
        search_settings(population=50, budget=Budget(evaluations=60)), operators={"picky": Picky("picky")}
    )
    drive(engine)
    parents = {each.candidate.proposal.parents for each in engine.individuals.values() if each.number}
    assert parents == {(0,)}


def tell_generation(engine, kernels, order):
    """Tell the generation under way with these kernels, in this order of places."""
    proposals = [engine.ask() for _ in kernels]
    candidates = [Candidate(proposal=p, kernel=k) for p, k in zip(proposals, kernels, strict=True)]
    for place in order:
        engine.tell(candidates[place], verdict(candidates[place].kernel))
    return [engine.individuals[proposal.number].evaluation for proposal in proposals]


@given(order=st.permutations(range(5)))
def test_duplicates_refer_to_the_lowest_number_without_chains(order):
    engine = synthetic_engine()
    engine.tell(*answer(engine)[0])
    first = kernel_of(20, plan="p")
    replanned = kernel_of(21, plan="p")
    rejected = kernel_of(1, status=Status.REJECTED)
    settled = tell_generation(engine, [first, replanned, replanned, rejected, rejected], order)
    assert [each.duplicate_of for each in settled] == [None, 1, 1, None, 4]
    assert [each.status for each in settled] == [
        Status.PASSED, Status.DUPLICATE, Status.DUPLICATE, Status.REJECTED, Status.DUPLICATE,
    ]  # fmt: skip
    assert [each.number for each in engine.population] == [1, 0, 4]


def test_a_repeat_of_an_earlier_generation_is_known_without_evaluating():
    engine = synthetic_engine()
    seed = answer(engine)[0]
    assert engine.known(seed[0]) is None
    engine.tell(*seed)
    assert engine.known(seed[0]) == seed[1]


def test_refusals():
    engine = synthetic_engine()
    proposal = engine.ask()
    kernel = Kernel("# value: 10\n")
    candidate = Candidate(proposal=proposal, kernel=kernel)
    good = verdict(kernel)
    changed = msgspec.structs.replace
    with pytest.raises(ValueError, match="modelled on synthetic, got modelled on other"):
        engine.tell(candidate, changed(verdict(kernel_of(1, status=Status.CRASHED)), device="other"))
    with pytest.raises(ValueError, match="modelled on synthetic, got measured on synthetic"):
        engine.tell(candidate, changed(verdict(kernel_of(1, status=Status.CRASHED)), source=Source.MEASURED))
    with pytest.raises(ValueError, match="was asked"):
        engine.tell(Candidate(proposal=changed(proposal, number=3), kernel=kernel), good)
    with pytest.raises(ValueError, match="was asked"):
        engine.tell(Candidate(proposal=changed(proposal, key=1), kernel=kernel), good)
    with pytest.raises(ValueError, match="MALFORMED goes with no kernel"):
        engine.tell(Candidate(proposal=proposal, kernel=None), good)
    with pytest.raises(ValueError, match="finds repeats"):
        engine.tell(candidate, good.as_duplicate_of(0))
    with pytest.raises(ValueError, match=r"measures \['tall', 'wide'\], got \['wide'\]"):
        engine.tell(candidate, changed(good, measurements=good.measurements[:1]))
    assert engine.tell(candidate, good)


def test_operators_go_by_their_own_name():
    with pytest.raises(ValueError, match="'step' under 'other'"):
        synthetic_engine(operators={"other": SyntheticOperator()})
    with pytest.raises(ValueError, match="'seed'"):
        synthetic_engine(operators={"seed": SyntheticOperator("seed")})


def test_stop_from_outside_keeps_what_is_under_way():
    engine = synthetic_engine()
    engine.tell(*answer(engine)[0])
    asked = engine.ask()
    assert engine.stop("enough") == [Stopped(reason="enough")]
    assert engine.stop("again") == []
    assert (engine.ask(), engine.stopped, engine.pending) == (None, "enough", (asked,))


def test_a_larger_budget_goes_on_from_a_whole_generation_only():
    engine = synthetic_engine(search_settings(budget=Budget(evaluations=11)))
    drive(engine)
    assert engine.limit(Budget(evaluations=16)) == []
    drive(engine)
    whole = synthetic_engine(search_settings(budget=Budget(evaluations=16)))
    drive(whole)
    assert digest(engine) == digest(whole)
    cut = synthetic_engine(search_settings(budget=Budget(evaluations=12)))
    drive(cut)
    with pytest.raises(ValueError, match="generation 3 was cut short"):
        cut.limit(Budget(evaluations=16))


@pytest.mark.parametrize("change", [{"population": 0}, {"offspring": -1}, {"seed": 2**64}, {"seed": -1}])
def test_settings_refuse_what_cannot_run(change):
    with pytest.raises(SettingsError, match=str(next(iter(change.values())))):
        SearchSettings(**change)


def test_a_correct_slow_kernel_survives_before_any_broken_one():
    engine = synthetic_engine(search_settings(population=3))
    engine.tell(*answer(engine)[0])
    kernels = [kernel_of(3, status=Status.WRONG), kernel_of(1), kernel_of(2), *map(kernel_of, (4, 5))]
    tell_generation(engine, kernels, range(5))
    assert [each.number for each in engine.population] == [0, 5, 4]
    assert all(each.evaluation.stage is Stage.TIME for each in engine.population)
