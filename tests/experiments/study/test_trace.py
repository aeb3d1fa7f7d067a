"""Traces: what a journal tells of a run, as the search saw it."""

from __future__ import annotations

import asyncio
import math

import pytest

from evo.candidate import Spend
from evo.engine import Engine
from evo.evaluation import Status
from evo.journal import Journal
from evo.loop import Search
from evo.settings import Mode
from experiments.study.estimators.summaries import (
    at_budget,
    best_so_far,
    diversity_of,
    effective_number,
    median_so_far,
    pace_of,
    paid_in_all,
    spent_so_far,
    staleness_of,
)
from experiments.study.trace import Paid, Trace, trace_of
from tests.standins import SyntheticEvaluator, search_settings, synthetic_engine


@pytest.fixture(params=list(Mode))
def run(request, tmp_path) -> tuple[Trace, Engine]:
    """Return the trace of a run with the engine that searched it."""
    engine = synthetic_engine(search_settings(mode=request.param, evaluations_in_flight=3))
    with Journal.create(tmp_path / "run.sqlite") as journal:
        asyncio.run(Search(engine, SyntheticEvaluator(), journal).run("settings"))
        return trace_of(journal, "cell"), engine


def test_steps_are_what_the_engine_settled(run):
    trace, engine = run
    assert {step.number for step in trace.steps} == set(engine.individuals)
    for step in trace.steps:
        individual = engine.individuals[step.number]
        assert step.status is individual.evaluation.status
        assert step.speedup == pytest.approx(individual.speedup)
        assert step.parents == individual.candidate.proposal.parents
    assert (trace.cell, trace.seed, trace.device) == ("cell", engine.settings.seed, engine.device)


def test_staleness_counts_tells_since_the_ask(run):
    trace, engine = run
    for place, step in enumerate(trace.steps):
        assert 0 <= step.staleness <= place
        assert 0 <= step.asked_s <= step.told_s
    if not trace.generational:
        settings = engine.settings
        ahead = settings.proposals_in_flight + settings.evaluations_in_flight
        assert staleness_of(trace).most <= ahead * 2
    assert trace.steps[0].staleness == 0


def test_a_repeat_keeps_its_own_verdict(run):
    trace, _ = run
    repeats = [step for step in trace.steps if step.status is Status.DUPLICATE]
    assert repeats
    assert all(step.speedup is None and step.verdict is not Status.DUPLICATE for step in repeats)


def test_curves_end_at_the_elite(run):
    trace, engine = run
    curve = best_so_far(trace)
    assert curve[-1] == pytest.approx(math.log2(engine.elite.speedup))
    assert (curve[1:] >= curve[:-1]).all()
    assert len(median_so_far(trace)) == len(curve) == len(trace.steps)
    assert median_so_far(trace)[0] == 0.0


def test_what_was_paid_adds_up(run):
    trace, engine = run
    paid = paid_in_all(trace.steps)
    assert paid.evaluations == engine.told
    assert Spend(tokens_in=paid.tokens, dollars=paid.dollars).tokens == engine.spend.tokens
    spent = spent_so_far(trace, "evaluations")
    assert spent.tolist() == list(range(1, engine.told + 1))
    assert at_budget(best_so_far(trace), spent, 5) == best_so_far(trace)[4]
    assert at_budget(best_so_far(trace), spent, 0.5) == 0.0


def test_pace_says_how_fast_and_how_idle(run):
    trace, _ = run
    pace = pace_of(trace, 4, 3)
    assert pace.rate == pytest.approx(len(trace.steps) / trace.steps[-1].told_s)
    assert 0 <= pace.evaluating_idle <= 1


def test_diversity_counts_what_is_new(run):
    trace, _ = run
    told = diversity_of(trace)
    repeats = sum(step.status is Status.DUPLICATE for step in trace.steps)
    assert told.distinct == pytest.approx(1 - repeats / (len(trace.steps) - 1))
    assert 1 <= told.operators <= len({step.operator for step in trace.steps[1:]})


def test_equally_frequent_kinds_count_each():
    assert effective_number("abcabc") == pytest.approx(3)
    assert effective_number("aaaaab") < 2
    assert effective_number("") == 0


def test_nothing_is_paid_for_nothing():
    assert paid_in_all([]) == Paid(evaluations=0)
