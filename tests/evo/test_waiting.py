"""Waiting: proposals whose replies do not come stay owed while all else goes on."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import tempfile
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.events import Paused
from evo.fold import fold
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.records import Asked, Called, Ended, Evaluated
from evo.replay import recorded_engine, replay
from evo.settings import Mode
from tests.evo.asking import Desk, asking_engine
from tests.evo.driving import ShuffledEvaluator, digest, session
from tests.standins import RecordingTracker, SyntheticEvaluator

ROOT = Path(__file__).parents[2]
BUDGET = Budget(evaluations=14)
BOUND = 5
"""What tests' settings let be owed at once in steady mode: three proposals and two evaluations."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.sqlite"


def never(_: object) -> bool:
    return False


@cache
def live(budget: Budget) -> tuple[str, str | None]:
    """Return lineage and end of the search whose replies come at once."""
    with tempfile.TemporaryDirectory() as folder:
        engine, reason = session(Path(folder) / "run.sqlite", engine=asking_engine(Desk(), budget=budget))
    assert isinstance(reason, str)
    return digest(engine), reason


def check_journal(path: Path, ending: str | Paused) -> None:
    """Check that nothing was asked, answered or told twice, and that the run can go on if it waits."""
    with JournalReader(path) as reader:
        records = [entry.record for entry in reader.entries()]
        recorded = recorded_engine(reader)
        list(replay(reader, recorded))
    asked = [each.proposal.number for each in records if isinstance(each, Asked)]
    told = [each.number for each in records if isinstance(each, Evaluated) and each.final]
    called = [(each.number, each.attempt, each.request) for each in records if isinstance(each, Called)]
    assert asked == list(range(len(asked)))
    assert max(Counter(told).values()) == max(Counter(called).values(), default=1) == 1
    if isinstance(ending, Paused):
        assert recorded.stopped is None
        assert len(recorded.pending) == len(asked) - len(told) == ending.waiting > 0
        assert not any(isinstance(each, Ended) for each in records)


@settings(max_examples=6)
@given(
    order=st.integers(0, 2**32), share=st.sampled_from([0.4, 0.9]), workers=st.integers(1, 6),
    budget=st.sampled_from([BUDGET, Budget(evaluations=40, tokens=900)]),
)  # fmt: skip
def test_replies_in_any_order_and_number_give_the_lineage_of_a_live_search(order, share, workers, budget):
    rng = random.Random(order)
    rules = {"budget": budget, "proposals_in_flight": workers}
    with tempfile.TemporaryDirectory() as folder:
        path, ending = Path(folder) / "run.sqlite", Paused(waiting=0)
        while isinstance(ending, Paused):
            desk = Desk(lambda _: rng.random() < share)
            evaluator = ShuffledEvaluator(SyntheticEvaluator(), rng)
            engine, ending = session(path, engine=asking_engine(desk, **rules), evaluator=evaluator)
            assert {number for number, _, _ in desk.unanswered} == {each.number for each in engine.pending}
            check_journal(path, ending)
    assert (digest(engine), ending) == live(budget)


@settings(max_examples=5)
@given(order=st.integers(0, 2**32), share=st.sampled_from([0.4, 0.9]))
def test_a_steady_search_goes_on_within_its_bound(order, share):
    rng = random.Random(order)
    with tempfile.TemporaryDirectory() as folder:
        path, ending = Path(folder) / "run.sqlite", Paused(waiting=0)
        while isinstance(ending, Paused):
            desk = Desk(lambda _: rng.random() < share)
            evaluator = ShuffledEvaluator(SyntheticEvaluator(), rng)
            engine = asking_engine(desk, mode=Mode.STEADY, budget=BUDGET)
            _, ending = session(path, engine=engine, evaluator=evaluator)
            assert {number for number, _, _ in desk.unanswered} == {each.number for each in engine.pending}
            assert len(engine.pending) <= BOUND
            check_journal(path, ending)
    assert ending == "14 evaluations made"


def test_the_others_of_a_generation_are_made_and_evaluated(path):
    tracker, evaluator = RecordingTracker(), SyntheticEvaluator()
    engine, ending = session(path, engine=asking_engine(Desk(never)), evaluator=evaluator, trackers=[tracker])
    operators = Counter(each.operator for each in engine.pending)
    assert set(operators) <= {"ask", "asks2"}
    assert engine.asked == 1 + engine.settings.offspring == engine.told + ending.waiting
    assert engine.told > 1, "one of the first generation needs no reply"
    assert tracker.events[-1] == ending == Paused(waiting=operators.total())


def test_a_steady_search_fills_its_bound_with_those_that_wait(path):
    engine, ending = session(path, engine=asking_engine(Desk(never), mode=Mode.STEADY))
    assert ending == Paused(waiting=BOUND)
    assert (len(engine.pending), engine.told > 1) == (BOUND, True)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_session_without_replies_changes_nothing(path, mode):
    first, ending = session(path, engine=asking_engine(Desk(never), mode=mode))
    for _ in range(2):
        evaluator, desk = SyntheticEvaluator(), Desk(never)
        engine, again = session(path, engine=asking_engine(desk, mode=mode), evaluator=evaluator)
        assert (again, evaluator.asked, digest(engine)) == (ending, [], digest(first))
        assert sorted(desk.unanswered) == sorted(set(desk.unanswered))
        assert len(desk.unanswered) == ending.waiting


def test_the_fold_does_not_tell_that_a_session_waited(path):
    tracker = RecordingTracker()
    session(path, engine=asking_engine(Desk(never)), trackers=[tracker])
    with JournalReader(path) as reader:
        assert repr(list(fold(reader, asking_engine(Desk(never))))) == repr(tracker.events[:-1])


def test_an_interrupted_session_is_none_that_waits(path):
    class Interrupting(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            if self.asked:
                search.stop()
                await asyncio.get_running_loop().create_future()
            return await super().evaluate(kernel, task)

    tracker, engine = RecordingTracker(), asking_engine(Desk(never))
    with Journal.create(path) as journal:
        list(fold(journal, engine))
        search = Search(engine, Interrupting(), journal, [tracker])
        assert asyncio.run(search.run("")) is None
    assert not any(isinstance(event, Paused) for event in tracker.events)
    assert isinstance(session(path, engine=asking_engine(Desk(never)))[1], Paused)


def test_killed_again_and_again_with_replies_under_way_it_comes_to_the_same_lineage(path):
    command = [sys.executable, "-m", "tests.evo.waiting_child", str(path)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    killed, waited, last = map(int, child.stdout.split())
    assert (killed > 2, waited > 0, last) == (True, True, 0), child.stderr
    check_journal(path, "stopped")
    engine = asking_engine(Desk(never))
    with JournalReader(path) as reader:
        list(fold(reader, engine))
    assert (digest(engine), engine.stopped) == live(Budget(evaluations=23))
