"""Steady mode: every tell counts at once; the journal's order is the search's."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.courses import NO_OPERATOR
from evo.errors import SettingsError
from evo.events import GenerationEnded, Settled, Stopped, Told
from evo.fold import fold
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.making import make, malformed
from evo.records import Asked, Evaluated
from evo.replay import recorded_engine, replay
from evo.settings import Mode
from tests.evo.driving import ShuffledEvaluator, digest, session
from tests.standins import (
    ChainPortfolio,
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    Unfit,
    search_settings,
    synthetic_engine,
    verdict,
)


def steady(**changes: object):
    return search_settings(mode=Mode.STEADY, **changes)


def answered(engine, proposal):
    candidate = asyncio.run(make(proposal, engine))
    kernel = candidate.kernel
    return candidate, malformed(candidate, engine.source, engine.device) if kernel is None else verdict(
        kernel
    )


def drive(engine, workers: int, rng: random.Random) -> list:
    """Keep up to `workers` proposals owed, tell any of them, until the engine has no more to ask."""
    events, owed = [], []
    while True:
        while len(owed) < workers and (proposal := engine.ask()) is not None:
            owed.append(answered(engine, proposal))
        if not owed:
            return events
        events += engine.tell(*owed.pop(rng.randrange(len(owed))))


@settings(max_examples=30)
@given(workers=st.integers(1, 8), order=st.integers(0, 2**32), evaluations=st.integers(1, 30))
def test_exactly_the_budget_is_asked_and_told(workers, order, evaluations):
    engine = synthetic_engine(steady(budget=Budget(evaluations=evaluations)))
    events = drive(engine, workers, random.Random(order))
    assert engine.told == engine.asked == len(engine.individuals) == evaluations
    assert events[-1] == Stopped(reason=engine.stopped)
    assert sum(isinstance(event, Stopped) for event in events) == 1
    told = [event.told for event in events if isinstance(event, Told)]
    assert told == list(range(1, evaluations + 1))
    ends = [event.told for event in events if isinstance(event, GenerationEnded)]
    assert ends == sorted({*range(1, evaluations + 1, 5), evaluations})


def test_a_tell_counts_for_the_next_ask_at_once():
    portfolio = ChainPortfolio()
    engine = synthetic_engine(steady(), portfolio=portfolio)
    assert engine.ask().number == 0
    assert engine.ask() is None
    engine = synthetic_engine(steady(), portfolio=portfolio)
    engine.tell(*answered(engine, engine.ask()))
    first, second = engine.ask(), engine.ask()
    assert [type(event) for event in engine.tell(*answered(engine, second))] == [Told, Settled]
    assert portfolio.credited == [0, 2]
    assert (engine.told, engine.pending) == (2, (first,))
    assert engine.individuals[2].candidate.proposal == second
    assert second.generation == first.generation == 1


def test_alone_it_does_not_depend_on_how_many_could_be_owed():
    one, other = (synthetic_engine(steady()) for _ in range(2))
    drive(one, 1, random.Random(1))
    drive(other, 1, random.Random(2))
    assert digest(one) == digest(other)
    many = synthetic_engine(steady())
    drive(many, 6, random.Random(1))
    assert digest(many) != digest(one)


def test_a_target_is_noticed_at_once_and_what_is_owed_is_taken():
    engine = synthetic_engine(steady(budget=Budget(target_speedup=1.5)))
    events = drive(engine, 4, random.Random(3))
    crowned = next(
        place for place, event in enumerate(events)
        if isinstance(event, Settled) and event.elite and event.individual.speedup >= 1.5
    )  # fmt: skip
    assert sum(isinstance(event, Told) for event in events[crowned:]) == 3
    assert events[-1] == Stopped(reason="target speed-up 1.5x reached")


def test_without_an_applicable_operator_it_stops():
    engine = synthetic_engine(steady(), operators={"unfit": Unfit()})
    assert drive(engine, 4, random.Random(0))[-1] == Stopped(reason=NO_OPERATOR)


@settings(max_examples=12)
@given(
    order=st.integers(0, 2**32),
    proposals=st.integers(1, 8),
    evaluations=st.integers(1, 8),
    islands=st.integers(1, 3),
)
def test_the_fold_and_the_replay_see_what_the_trackers_saw(order, proposals, evaluations, islands):
    rules = steady(
        proposals_in_flight=proposals, evaluations_in_flight=evaluations, islands=islands, migration_every=1
    )
    tracker = RecordingTracker()
    evaluator = ShuffledEvaluator(SyntheticEvaluator(), random.Random(order))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        engine, reason = session(path, rules, evaluator=evaluator, trackers=[tracker])
        assert reason == "23 evaluations made"
        with JournalReader(path) as reader:
            owed = 0
            for entry in reader.entries():
                owed += isinstance(entry.record, Asked)
                owed -= isinstance(entry.record, Evaluated) and entry.record.final
                assert owed <= proposals + evaluations
            folded = synthetic_engine(steady(islands=islands, migration_every=1))
            assert repr(list(fold(reader, folded))) == repr(tracker.events)
            recorded = recorded_engine(reader)
            assert repr(list(replay(reader, recorded))) == repr(tracker.events)
    assert digest(folded) == digest(recorded) == digest(engine)
    assert [e.number for e in folded.population] == [e.number for e in engine.population]


class Dying(SyntheticEvaluator):
    """Fails at its n-th evaluation."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    async def evaluate(self, kernel, task):
        if len(self.asked) == self._at:
            raise RuntimeError("killed")
        return await super().evaluate(kernel, task)


@pytest.mark.parametrize("workers", [1, 4])
def test_killed_again_and_again_it_goes_on_from_what_was_told(tmp_path, workers):
    path = tmp_path / "run.sqlite"
    rules = steady(proposals_in_flight=workers, evaluations_in_flight=workers)
    tracker = RecordingTracker()
    for at in (0, 1, 3, 5):
        with pytest.raises(ExceptionGroup):
            session(path, rules, evaluator=Dying(at), trackers=[tracker])
    engine, reason = session(path, rules, trackers=[tracker])
    assert reason == "23 evaluations made"
    told = [event.number for event in tracker.events if isinstance(event, Told)]
    assert sorted(told) == list(range(23))
    folded = synthetic_engine(rules)
    with JournalReader(path) as reader:
        assert repr(list(fold(reader, folded))) == repr(tracker.events)
    assert digest(folded) == digest(engine)


@pytest.mark.parametrize("first", [1, 6, 8])
def test_a_larger_budget_goes_on_with_the_generation_under_way(tmp_path, first):
    path = tmp_path / "run.sqlite"
    session(path, steady(budget=Budget(evaluations=first)))
    engine, reason = session(path, steady())
    assert (engine.told, reason) == (23, "23 evaluations made")


def test_a_generation_that_the_budget_cut_short_needs_the_journal_to_go_on():
    engine = synthetic_engine(steady(budget=Budget(evaluations=8)))
    drive(engine, 2, random.Random(0))
    with pytest.raises(ValueError, match="generation 2 was cut short"):
        engine.limit(Budget(evaluations=20))
    whole = synthetic_engine(steady(budget=Budget(evaluations=6)))
    drive(whole, 2, random.Random(0))
    whole.limit(Budget(evaluations=20))
    drive(whole, 2, random.Random(0))
    assert whole.told == 20


def test_wall_time_ends_the_generation_under_way(tmp_path):
    class Hanging(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            if len(self.asked) == 8:
                await asyncio.get_running_loop().create_future()
            return await super().evaluate(kernel, task)

    path = tmp_path / "run.sqlite"
    tracker = RecordingTracker()
    rules = steady(budget=Budget(wall_seconds=0.5, evaluations=23), evaluations_in_flight=1)
    engine = synthetic_engine(rules)
    with Journal.create(path) as journal:
        list(fold(journal, engine))
        reason = asyncio.run(Search(engine, Hanging(), journal, [tracker]).run(""))
    assert reason == "wall time of 0.5 s used"
    assert [type(event) for event in tracker.events[-2:]] == [GenerationEnded, Stopped]
    with JournalReader(path) as reader:
        recorded = recorded_engine(reader)
        assert repr(list(replay(reader, recorded))) == repr(tracker.events)
    assert session(path, steady())[1] == "23 evaluations made"


def test_elites_are_for_generations():
    with pytest.raises(SettingsError, match="generational mode only, got 2"):
        steady(elites=2)


def test_one_individual_and_one_proposal_a_generation():
    engine = synthetic_engine(
        steady(population=1, offspring=1), operators={"step": SyntheticOperator(reach=9)}
    )
    events = drive(engine, 3, random.Random(5))
    assert sum(isinstance(event, GenerationEnded) for event in events) == 23
    assert len(engine.population) == 1
