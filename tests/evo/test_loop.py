"""The loop: limits in flight, retries, failures, interruptions, budgets over sessions."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Kernel
from evo.errors import JournalError, SandboxError, SeedError, SettingsError
from evo.evaluation import Stage, Status
from evo.events import GenerationEnded, Stopped, Told
from evo.fold import fold
from evo.identity import lineage_digest
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.protocols import Draft
from evo.records import Ended, Evaluated
from tests.evo.driving import ShuffledEvaluator, digest, drive, session
from tests.standins import (
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    kernel_of,
    search_settings,
    synthetic_engine,
    synthetic_task,
    verdict,
)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "run.sqlite"


def records(path: Path) -> list:
    with JournalReader(path) as reader:
        return [entry.record for entry in reader.entries()]


def evaluated(path: Path) -> list[Evaluated]:
    return [record for record in records(path) if isinstance(record, Evaluated)]


class Acting(SyntheticEvaluator):
    """Does something of the test's at its n-th evaluation, then hangs until it is cancelled."""

    def __init__(self, at: int, act=lambda: None) -> None:
        super().__init__()
        self._at = at
        self._act = act

    async def evaluate(self, kernel, task):
        result = await super().evaluate(kernel, task)
        if len(self.asked) == self._at:
            self._act()
            await asyncio.get_running_loop().create_future()
        return result


@settings(max_examples=15)
@given(order=st.integers(0, 2**32), evaluations=st.sampled_from([1, 2, 4, 40]), proposals=st.integers(1, 6))
def test_neither_workers_nor_completion_order_change_the_lineage(order, evaluations, proposals):
    straight = synthetic_engine()
    drive(straight)
    changed = search_settings(evaluations_in_flight=evaluations, proposals_in_flight=proposals)
    evaluator = ShuffledEvaluator(SyntheticEvaluator(), random.Random(order))
    with tempfile.TemporaryDirectory() as folder:
        engine, reason = session(Path(folder) / "run.sqlite", changed, evaluator=evaluator)
    assert reason == "23 evaluations made"
    assert digest(engine) == digest(straight)


def test_limits_in_flight_are_reached_and_kept(path):
    class Counting:
        now = most = 0

        async def hold(self, rounds: int) -> None:
            self.now += 1
            self.most = max(self.most, self.now)
            for _ in range(rounds):
                turn = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_soon(turn.set_result, None)
                await turn
            self.now -= 1

    proposing, evaluating = Counting(), Counting()

    class SlowOperator(SyntheticOperator):
        async def propose(self, proposal, parents, task):
            await proposing.hold(7)
            return await super().propose(proposal, parents, task)

    class SlowEvaluator(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            await evaluating.hold(20)
            return await super().evaluate(kernel, task)

    engine = synthetic_engine(
        search_settings(offspring=11, proposals_in_flight=3, evaluations_in_flight=2),
        operators={"slow": SlowOperator("slow", reach=1000, faults=0)},
    )
    session(path, engine=engine, evaluator=SlowEvaluator())
    assert (proposing.most, evaluating.most) == (3, 2)


def test_timeouts_are_tried_twice_and_others_once(path):
    evaluator = SyntheticEvaluator()
    session(path, search_settings(budget=Budget(evaluations=80)), evaluator=evaluator)
    attempts = Counter((record.number, record.evaluation.status) for record in evaluated(path))
    assert set(attempts.values()) == {1, 2}
    assert all((count == 2) == (status is Status.TIMEOUT) for (_, status), count in attempts.items())
    asked = Counter(kernel.digest for kernel in evaluator.asked)
    assert max(asked.values()) <= 4  # the same kernel twice at once in one generation, each time timed out


def test_a_passing_timeout_counts_as_what_it_was_the_second_time(path):
    class Flaky(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            self.asked.append(kernel)
            first = self.asked.count(kernel) == 1
            return verdict(kernel_of(1, status=Status.TIMEOUT) if first else kernel)

    engine, _ = session(path, search_settings(budget=Budget(evaluations=1)), evaluator=Flaky())
    assert [(record.attempt, record.evaluation.status) for record in evaluated(path)] == [
        (1, Status.TIMEOUT),
        (2, Status.PASSED),
    ]
    assert engine.elite.number == 0


@pytest.mark.parametrize("answer", [None, Draft(Kernel("# value: 3 \ud800"), "odd \udfff\ntext")])
def test_malformed_candidates_reach_no_evaluator(path, answer):
    class Odd(SyntheticOperator):
        async def propose(self, proposal, parents, task):
            return answer or await super().propose(proposal, parents, task)

    evaluator = SyntheticEvaluator()
    engine = synthetic_engine(operators={"odd": Odd("odd", faults=0 if answer else 16)})
    session(path, engine=engine, evaluator=evaluator)
    odd = [each for each in engine.individuals.values() if each.evaluation.status is Status.MALFORMED]
    assert odd
    assert all((each.candidate.kernel, each.evaluation.stage) == (None, Stage.PROPOSE) for each in odd)
    assert all(each.evaluation.feedback == each.candidate.summary != "" for each in odd)
    assert len(evaluator.asked) <= 23 - len(odd) + sum(
        record.evaluation.status is Status.TIMEOUT and record.attempt == 2 for record in evaluated(path)
    )


def test_a_known_kernel_is_not_evaluated_again(path):
    evaluator = SyntheticEvaluator()
    engine = synthetic_engine(
        search_settings(evaluations_in_flight=1, budget=Budget(evaluations=60)),
        operators={"same": SyntheticOperator("same", reach=2, faults=0)},
    )
    session(path, engine=engine, evaluator=evaluator)
    assert len({kernel.digest for kernel in evaluator.asked}) == len(evaluator.asked) < 60


def fail(error: Exception):
    def act() -> None:
        raise error

    return act


def test_a_failing_room_ends_the_session_bare_and_the_next_goes_on(path):
    undisturbed, _ = session(path.with_name("undisturbed.sqlite"))
    cause = OSError("no room")
    failure = SandboxError("the sandbox cannot start")
    failure.__cause__ = cause
    with pytest.raises(SandboxError, match="cannot start") as caught:
        session(path, evaluator=Acting(9, fail(failure)))
    assert caught.value.__cause__ is cause
    resumed, reason = session(path)
    assert reason == "23 evaluations made"
    assert digest(resumed) == digest(undisturbed)


def test_a_fault_in_our_own_code_is_not_taken_for_a_failure(path):
    with pytest.raises(ExceptionGroup) as caught:
        session(path, evaluator=Acting(9, fail(KeyError("a fault"))))
    assert [type(error) for error in caught.value.exceptions] == [KeyError]


def test_a_failing_seed_fails_the_run_again_when_resumed(path):
    for _ in range(2):
        engine = synthetic_engine(task=synthetic_task(kernel_of(1, status=Status.CRASHED).source))
        with pytest.raises(SeedError, match="CRASHED"):
            session(path, engine=engine)
    assert len(evaluated(path)) == 1


def begun(path: Path, evaluator, engine=None, trackers=()) -> tuple[Search, Journal]:
    engine = engine or synthetic_engine()
    journal = Journal(path) if path.exists() else Journal.create(path)
    for _ in fold(journal, engine):
        pass
    return Search(engine, evaluator, journal, trackers), journal


@pytest.mark.parametrize("at", [1, 2, 7, 12])
def test_stop_interrupts_and_the_next_session_ends_the_same(path, at):
    undisturbed, _ = session(path.with_name("undisturbed.sqlite"))
    search, journal = begun(path, Acting(at, lambda: search.stop()))
    with journal:
        assert asyncio.run(search.run("")) is None
    assert not any(isinstance(record, Ended) for record in records(path))
    resumed, reason = session(path)
    assert reason == "23 evaluations made"
    assert digest(resumed) == digest(undisturbed)


def test_stop_before_the_run_evaluates_nothing(path):
    evaluator = SyntheticEvaluator()
    search, journal = begun(path, evaluator)
    with journal:
        search.stop()
        assert asyncio.run(search.run("")) is None
    assert evaluator.asked == []


def test_cancelling_the_caller_is_passed_on(path):
    async def main() -> None:
        running = asyncio.create_task(search.run(""))
        evaluator._act = running.cancel
        await running

    evaluator = Acting(5)
    search, journal = begun(path, evaluator)
    with journal, pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_wall_time_over_sessions(path):
    tight = search_settings(budget=Budget(wall_seconds=0.2, evaluations=23))
    undisturbed, _ = session(path.with_name("undisturbed.sqlite"))
    tracker = RecordingTracker()
    _, reason = session(path, tight, evaluator=Acting(4), trackers=[tracker])
    assert reason == "wall time of 0.2 s used"
    assert tracker.events[-1] == Stopped(reason=reason)
    before = records(path)
    assert before[-1] == Ended(reason=reason)
    evaluator = SyntheticEvaluator()
    engine, reason = session(path, tight, evaluator=evaluator)
    assert (reason, evaluator.asked, engine.stopped) == ("wall time of 0.2 s used", [], reason)
    assert records(path) == before
    resumed, reason = session(path)
    assert reason == "23 evaluations made"
    assert digest(resumed) == digest(undisturbed)


@pytest.mark.parametrize("first", [1, 6, 8, 13])
def test_a_larger_budget_goes_on_as_if_it_had_been_larger_all_along(path, first):
    undisturbed, _ = session(path.with_name("undisturbed.sqlite"))
    small = search_settings(budget=Budget(evaluations=first))
    session(path, small)
    before = records(path)
    evaluator = SyntheticEvaluator()
    engine, reason = session(path, small, evaluator=evaluator)
    assert engine.stopped == reason == before[-1].reason
    assert (evaluator.asked, records(path)) == ([], before)
    resumed, reason = session(path)
    assert reason == "23 evaluations made"
    assert digest(resumed) == digest(undisturbed)


def test_a_smaller_budget_ends_with_what_was_asked(path):
    search, journal = begun(path, Acting(12, lambda: search.stop()))
    with journal:
        asyncio.run(search.run(""))
        asked = journal.asked()
    engine, reason = session(path, search_settings(budget=Budget(evaluations=3)))
    assert engine.told == asked > 3
    assert reason == f"{asked} evaluations made"
    assert session(path)[1] == "23 evaluations made"


def test_a_target_lowered_below_the_elite_stops_at_the_barrier(path):
    engine, _ = session(path, search_settings(budget=Budget(evaluations=21)))
    again, reason = session(path, search_settings(budget=Budget(target_speedup=engine.elite.speedup)))
    assert reason == f"target speed-up {engine.elite.speedup}x reached"
    assert digest(again) == digest(engine)


def test_trackers_see_nothing_before_the_journal_has_it(path):
    class Checking(RecordingTracker):
        def record(self, event) -> None:
            super().record(event)
            with JournalReader(path) as reader:
                if isinstance(event, Told):
                    assert reader.told(event.number)[-1].evaluation.status is event.status
                if isinstance(event, Stopped):
                    assert reader.last().record == Ended(reason=event.reason)

    tracker = Checking()
    session(path, trackers=[tracker])
    assert Counter(type(event) for event in tracker.events)[GenerationEnded] == 6


def test_the_fold_yields_the_events_that_trackers_saw(path):
    tracker = RecordingTracker()
    session(path, trackers=[tracker])
    with JournalReader(path) as reader:
        assert repr(list(fold(reader, synthetic_engine()))) == repr(tracker.events)


def test_what_does_not_fold(path):
    session(path)
    with JournalReader(path) as reader:
        for changes in ({"seed": 8}, {"population": 5, "offspring": 6}):
            with pytest.raises(SettingsError) as caught:
                list(fold(reader, synthetic_engine(search_settings(**changes))))
            assert all(f"{name} was" in str(caught.value) for name in changes)
        other = SyntheticOperator("leap", arity=0), SyntheticOperator(), SyntheticOperator("mix", arity=2)
        with pytest.raises(JournalError, match="does not fold"):
            list(fold(reader, synthetic_engine(operators={each.name: each for each in other})))
        used = synthetic_engine()
        drive(used)
        with pytest.raises(ValueError, match="has asked 23"):
            list(fold(reader, used))


def test_a_search_wants_a_folded_journal_and_its_own_kind_of_evaluator(path):
    session(path)
    with Journal(path) as journal:
        with pytest.raises(ValueError, match="23 asked, got 0"):
            Search(synthetic_engine(), SyntheticEvaluator(), journal)
        evaluator = SyntheticEvaluator()
        evaluator.device = "other"
        engine = synthetic_engine()
        list(fold(journal, engine))
        with pytest.raises(ValueError, match="modelled on other"):
            Search(engine, evaluator, journal)


def test_the_lineage_digest_is_the_same_from_run_to_run(path):
    engines = [session(path.with_name(f"{each}.sqlite"))[0] for each in range(2)]
    assert len({lineage_digest(engine.individuals.values()) for engine in engines}) == 1
