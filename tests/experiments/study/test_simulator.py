"""The simulator: the real engine on virtual time."""

from __future__ import annotations

import asyncio
import itertools
import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.engine import Engine
from evo.evaluation import Source, Status
from evo.journal import Journal
from evo.loop import Search
from evo.settings import Mode, PopulationKind, SearchSettings
from experiments.study.estimators.summaries import best_so_far, pace_of, paid_in_all, staleness_of
from experiments.study.simulator.costs import drawn_costs, measured_costs
from experiments.study.simulator.landscape import LandscapeWorld
from experiments.study.simulator.outcomes import Outcomes, cases_of, ceiling_of, fitted
from experiments.study.simulator.prediction import Recorded, predictions
from experiments.study.simulator.recorded import RecordedWorld
from experiments.study.simulator.simulate import simulate
from experiments.study.simulator.stepping import Clock, at_once
from experiments.study.trace import Step, Trace, trace_of
from operators.observing import Announcing
from operators.portfolio import FixedWeights

COSTS = drawn_costs(making_seconds=5.0, evaluating_seconds=1.0, llm_calls=1, tokens=100, dollars=0.01)


def searching(evaluations: int = 60, **changes: object) -> SearchSettings:
    plain: dict[str, object] = {"population": 6, "offspring": 6, "budget": Budget(evaluations=evaluations)}
    return SearchSettings(**{**plain, **changes})


def landscape(seed: int = 1) -> LandscapeWorld:
    return LandscapeWorld.drawn("valleys", seed, COSTS)


def past(count: int = 3) -> list[Trace]:
    """Return runs to fit to."""
    return [simulate(landscape(), searching(seed=seed)) for seed in range(count)]


SEARCHES = st.builds(
    searching,
    evaluations=st.integers(1, 40),
    mode=st.sampled_from(Mode),
    seed=st.integers(0, 2**32),
    islands=st.integers(1, 3),
    proposals_in_flight=st.integers(1, 8),
    evaluations_in_flight=st.integers(1, 8),
)


@settings(max_examples=30, deadline=None)
@given(SEARCHES)
def test_every_evaluation_is_made_once_and_time_goes_forwards(search):
    trace = simulate(landscape(), search)
    assert sorted(step.number for step in trace.steps) == list(range(search.budget.evaluations))
    assert all(before.told_s <= after.told_s for before, after in itertools.pairwise(trace.steps))
    for step in trace.steps:
        assert step.asked_s + step.paid.making_seconds + step.paid.evaluating_seconds <= step.told_s + 1e-9
        assert all(parent < step.number for parent in step.parents)


@settings(max_examples=30, deadline=None)
@given(SEARCHES)
def test_no_more_is_under_way_than_may_be(search):
    trace = simulate(landscape(), search)
    ahead = search.proposals_in_flight + search.evaluations_in_flight
    begun = [(step.asked_s, 1) for step in trace.steps]
    under_way = sorted([*begun, *((step.told_s, -1) for step in trace.steps)])
    most = max(itertools.accumulate(change for _, change in under_way))
    assert most <= (ahead if search.mode is Mode.STEADY else max(search.offspring, 1))
    pace = pace_of(trace, search.proposals_in_flight, search.evaluations_in_flight)
    assert -1e-9 <= pace.evaluating_idle <= 1
    assert -1e-9 <= pace.making_idle <= 1


@settings(max_examples=15, deadline=None)
@given(SEARCHES)
def test_one_seed_gives_one_trace(search):
    assert simulate(landscape(), search) == simulate(landscape(), search)


@settings(max_examples=15, deadline=None)
@given(SEARCHES, st.integers(1, 8), st.integers(1, 8))
def test_in_generational_mode_time_changes_no_result(search, proposals, evaluations):
    search = msgspec.structs.replace(search, mode=Mode.GENERATIONAL)
    other = msgspec.structs.replace(search, proposals_in_flight=proposals, evaluations_in_flight=evaluations)
    assert made(simulate(landscape(), search)) == made(simulate(landscape(), other))


def made(trace: Trace) -> list[tuple[object, ...]]:
    steps = sorted(trace.steps, key=lambda step: step.number)
    return [(step.number, step.operator, step.parents, step.status, step.speedup) for step in steps]


def test_the_real_loop_makes_the_same(tmp_path):
    world = landscape()
    search = searching(mode=Mode.GENERATIONAL, seed=7, islands=2, evaluations_in_flight=3)
    operators = world.operators()
    portfolio = Announcing(FixedWeights(world.weights), operators.values())
    engine = Engine(world.task, search, operators, portfolio, world.source, world.device)
    with Journal.create(tmp_path / "run.sqlite") as journal:
        asyncio.run(Search(engine, world.landscape, journal).run("settings"))
        real = trace_of(journal)
    assert made(real) == made(simulate(world, search))


def test_the_time_limit_is_one_of_virtual_time():
    trace = simulate(landscape(), searching(10_000, budget=Budget(wall_seconds=100.0)))
    assert 10 < len(trace.steps) < 10_000
    assert trace.steps[-1].told_s <= 100.0


def test_more_in_flight_is_staler_and_sooner_done():
    few, many = (
        simulate(landscape(), searching(200, mode=Mode.STEADY, proposals_in_flight=count))
        for count in (1, 16)
    )
    assert staleness_of(many).mean > staleness_of(few).mean
    assert many.steps[-1].told_s < few.steps[-1].told_s


def test_a_fitted_world_recalls_what_was_seen():
    traces = past()
    world = RecordedWorld.of(traces)
    trace = simulate(world, searching(300))
    assert trace.source is Source.MODELLED
    assert trace.device == "simulated landscape"
    assert {step.operator for step in trace.steps} <= {
        step.operator for each in traces for step in each.steps
    }
    assert best_so_far(trace)[-1] <= ceiling_of(traces) + 1e-9
    frequent = share(past(), Status.PASSED)
    assert share([trace], Status.PASSED) == pytest.approx(frequent, abs=0.1)
    assert simulate(world, searching(300)) == trace


def share(traces: list[Trace], status: Status) -> float:
    statuses = [step.status for trace in traces for step in trace.steps if step.generation]
    return statuses.count(status) / len(statuses)


def test_a_fitted_world_repeats_kernels_as_often_as_was_seen():
    case = next(case for trace in past() for case in cases_of(trace) if case.status is Status.PASSED)
    repeat = case._replace(status=Status.DUPLICATE)
    world = RecordedWorld("softmax", "gfx942", Outcomes([case, repeat] * 50, 3.0), COSTS)
    trace = simulate(world, searching(400))
    assert share([trace], Status.DUPLICATE) == pytest.approx(0.5, abs=0.08)


def test_what_models_cost_is_held_to_the_budget():
    world = RecordedWorld.of(past(), COSTS)
    trace = simulate(world, searching(1_000, budget=Budget(dollars=0.205)))
    assert paid_in_all(trace.steps).dollars == pytest.approx(0.20)
    assert paid_in_all(trace.steps).llm_calls == 20


def test_costs_are_drawn_from_what_was_measured():
    costs = measured_costs(past())
    seen = {step.paid.making_seconds for trace in past() for step in trace.steps if step.operator == "flips"}
    assert {costs.made("flips", key).making_seconds for key in range(50)} <= seen
    assert costs.made("never asked", 3) in {each for every in costs.making.values() for each in every}
    with pytest.raises(ValueError, match="at least one answer"):
        measured_costs([])


def test_generations_wait_for_what_lies_between_them():
    costs = msgspec.structs.replace(COSTS, between_seconds=1_000.0)
    trace = simulate(LandscapeWorld.drawn("valleys", 1, costs), searching(19))
    assert trace.steps[-1].told_s > 3_000
    assert measured_costs([trace]).between_seconds == pytest.approx(1_000)


def test_gains_are_drawn_from_like_cases():
    cases = [
        step_case("rise", 0.0, 1.0), step_case("rise", 2.0, 0.0), step_case("fall", 0.0, -1.0),
    ]  # fmt: skip
    outcomes = Outcomes(cases, 10.0)
    rng = random.Random(0)
    assert {outcomes.speed("rise", 2.0, 1, rng) for _ in range(100)} == {2.0}
    drawn = [outcomes.speed("rise", 0.0, 1, rng) for _ in range(400)]
    assert drawn.count(1.0) > 350
    assert Outcomes(cases, 0.5).speed("rise", 0.0, 1, rng) <= 0.5


def step_case(operator: str, speed: float, gain: float):
    [made] = [each for each in cases_of(one_step(operator)) if each.operator == operator]
    return made._replace(speed=speed, gain=gain)


def one_step(operator: str) -> Trace:
    seed = Step(
        number=0, generation=0, operator="seed", parents=(), status=Status.PASSED, verdict=Status.PASSED,
        speedup=1.0, staleness=0, asked_s=0.0, told_s=1.0,
    )  # fmt: skip
    child = msgspec.structs.replace(
        seed, number=1, generation=1, operator=operator, parents=(0,), speedup=2.0
    )
    return Trace(task="t", seed=0, cell="", source=Source.MODELLED, device="d", steps=(seed, child))


def test_a_case_is_told_by_its_fastest_parent():
    trace = one_step("rise")
    third = msgspec.structs.replace(trace.steps[1], number=2, parents=(0, 1), speedup=8.0)
    [_, case] = cases_of(msgspec.structs.replace(trace, steps=(*trace.steps, third)))
    assert (case.speed, case.depth, case.gain) == (1.0, 1, 2.0)


def test_runs_of_several_tasks_are_not_fitted_together():
    one = one_step("rise")
    with pytest.raises(ValueError, match="one task and device"):
        fitted([one, msgspec.structs.replace(one, task="other")])


def test_nothing_that_passed_is_nothing_to_fit():
    with pytest.raises(ValueError, match="none among 0"):
        fitted([msgspec.structs.replace(one_step("rise"), steps=one_step("rise").steps[:1])])


def test_an_archive_needs_a_world_that_knows_the_hardware():
    with pytest.raises(ValueError, match="archive"):
        simulate(RecordedWorld.of(past()), searching(population_kind=PopulationKind.ARCHIVE))


def test_runs_are_predicted_by_the_others():
    runs = [Recorded(trace=trace, settings=searching(seed=seed)) for seed, trace in enumerate(past(4))]
    told = list(predictions(runs, repetitions=20))
    assert len(told) == 4
    for each in told:
        assert each.low <= each.predicted <= each.high
        assert 0 <= each.covered <= 1
        assert each.own_pace.rate == pytest.approx(each.pace.rate, rel=0.25)
    assert sum(each.covered for each in told) / 4 > 0.5
    assert list(predictions(runs[:2])) == []


def test_the_clock_refuses_the_past_and_keeps_order():
    clock, seen = Clock(), []
    clock.after(2.0, lambda: seen.append("late"))
    clock.after(1.0, lambda: seen.append("first said"))
    clock.after(1.0, lambda: seen.append("then said"))
    assert not clock.run(math.inf)
    assert seen == ["first said", "then said", "late"]
    with pytest.raises(ValueError, match="0 seconds from now or later"):
        clock.after(-1.0, lambda: None)


def test_what_waits_cannot_be_simulated():
    with pytest.raises(RuntimeError, match="wait for nothing"):
        at_once(asyncio.sleep(0))
