"""Operators that are paid for: what they spend is kept account of, journalled and held to the budget."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Spend
from evo.evaluation import Cost
from evo.events import Stopped
from evo.fold import fold
from evo.journal import Journal, JournalReader
from evo.making import make
from evo.past import JournalPast
from evo.protocols import Draft, Malformed
from evo.records import Evaluated
from evo.settings import Mode
from tests.evo.driving import ShuffledEvaluator, answer, digest, drive, session, verdict
from tests.evo.test_steady import drive as drive_steadily
from tests.standins import (
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    search_settings,
    synthetic_engine,
)

MOST = Spend(tokens_in=60, tokens_out=40, dollars=0.03125, calls=4)


class PaidOperator(SyntheticOperator):
    """Costs some of what it may at most, by the proposal's key."""

    most = MOST

    async def propose(self, proposal, parents, task):
        answered = await super().propose(proposal, parents, task)
        share = random.Random(proposal.key).randrange(1, 5)
        spend = Spend(tokens_in=15, tokens_out=10, dollars=0.0078125, calls=1) * share
        if isinstance(answered, Malformed):
            return Malformed(answered.reason, spend)
        return Draft(answered.kernel, answered.summary, spend)


def paid_engine(**changes):
    operators = {"paid": PaidOperator("paid"), "free": SyntheticOperator("free")}
    return synthetic_engine(search_settings(**changes), operators=operators)


limits = st.one_of(
    st.builds(Budget, tokens=st.integers(1, 6_000)),
    st.builds(Budget, dollars=st.floats(1e-6, 2)),
    st.builds(Budget, llm_calls=st.integers(1, 200)),
    st.builds(Budget, tokens=st.integers(1, 6_000), dollars=st.floats(1e-6, 2)),
)


def affordable(budget: Budget, evaluations: int = 60) -> Budget:
    return msgspec.structs.replace(budget, evaluations=evaluations)


@settings(max_examples=25)
@given(budget=limits, order=st.integers(0, 2**32), mode=st.sampled_from(Mode))
def test_no_more_is_spent_than_the_budget_whatever_is_under_way(budget, order, mode):
    engine, rng = paid_engine(budget=affordable(budget), mode=mode), random.Random(order)
    owed, total = [], Spend()
    while owed := owed + answer(engine):
        paying = [told for told in owed if told[0].proposal.operator == "paid"]
        assert engine.reserved == sum((MOST for _ in paying), start=Spend())
        assert mode is Mode.GENERATIONAL or budget.holds(engine.spend + engine.reserved)
        for _ in range(len(owed) if mode is Mode.GENERATIONAL else 1):
            told = owed.pop(rng.randrange(len(owed)))
            engine.tell(*told)
            total += told[0].spend
            assert engine.spend == total
    assert budget.holds(engine.spend)
    assert engine.reserved == Spend()
    assert engine.stopped is not None
    assert any(reason in engine.stopped for reason in ("60 evaluations made", "spent", "LLM call"))


@settings(max_examples=10)
@given(budget=limits, order=st.integers(0, 2**32), mode=st.sampled_from(Mode))
def test_the_fold_restores_what_was_spent(budget, order, mode):
    rules = {"budget": affordable(budget, 25), "mode": mode}
    evaluator, tracker = ShuffledEvaluator(SyntheticEvaluator(), random.Random(order)), RecordingTracker()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        engine, reason = session(path, engine=paid_engine(**rules), evaluator=evaluator, trackers=[tracker])
        with JournalReader(path) as reader:
            folded = paid_engine(**rules)
            assert repr(list(fold(reader, folded))) == repr(tracker.events)
            past = JournalPast(reader)
            spends = [past.individual(number).candidate.spend for number in range(engine.told)]
            records = [entry.record for entry in reader.entries()]
        told = {record.number: record.spend for record in records if isinstance(record, Evaluated)}
    assert tracker.events[-1] == Stopped(reason=reason)
    assert (folded.spend, folded.stopped) == (engine.spend, reason)
    assert engine.spend == sum(spends, start=Spend()) == sum(told.values(), start=Spend())
    if mode is Mode.GENERATIONAL:
        straight = paid_engine(**rules)
        drive(straight)
        assert digest(straight) == digest(engine)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_larger_budget_goes_on(tmp_path, mode):
    path = tmp_path / "run.sqlite"
    small, _ = session(path, engine=paid_engine(mode=mode, budget=Budget(tokens=900), redraws=0))
    assert "of 900 tokens spent" in small.stopped
    larger = {"mode": mode, "budget": Budget(tokens=2_000), "redraws": 0}
    engine, _ = session(path, engine=paid_engine(**larger))
    assert small.told < engine.told
    assert "of 2000 tokens spent" in engine.stopped
    if mode is Mode.GENERATIONAL:
        straight = paid_engine(**larger)
        drive(straight)
        assert digest(straight) == digest(engine)


def test_a_proposal_that_may_cost_more_than_is_left_ends_the_search():
    engine = synthetic_engine(
        search_settings(budget=Budget(dollars=0.03), redraws=1), operators={"paid": PaidOperator("paid")}
    )
    drive(engine)
    assert (engine.told, engine.stopped) == (1, "0 of 0.03 dollars spent, paid may cost more than is left")


def test_an_operator_that_says_no_most_is_stopped_once_the_budget_is_spent():
    class Unbounded(PaidOperator):
        most = Spend()

    engine = synthetic_engine(
        search_settings(budget=Budget(tokens=300)), operators={"paid": Unbounded("paid")}
    )
    drive(engine)
    assert engine.spend.tokens >= 300
    assert engine.stopped == f"{engine.spend.tokens} of 300 tokens spent"
    assert engine.told % 5 == 1


def test_what_is_paid_for_is_drawn_once():
    class Same(PaidOperator):
        async def propose(self, proposal, parents, task):
            return Draft(task.seed, "the seed again", Spend(tokens_in=1))

    engine = synthetic_engine(
        search_settings(redraws=3, budget=Budget(evaluations=2)), operators={"same": Same("same")}
    )
    drive(engine)
    assert engine.spend == Spend(tokens_in=1)


@settings(max_examples=20)
@given(
    limit=st.sampled_from(
        ["evaluations", "generations", "tokens", "dollars", "stagnant_evaluations", "stagnant_generations",
         "target_speedup"]
    ),
    mode=st.sampled_from(Mode),
)  # fmt: skip
def test_budgets_of_one(limit, mode):
    engine = paid_engine(mode=mode, budget=Budget(**{limit: 1}), redraws=0)
    events = drive(engine) if mode is Mode.GENERATIONAL else drive_steadily(engine, 3, random.Random(1))
    assert events[-1] == Stopped(reason=engine.stopped)
    assert sum(isinstance(event, Stopped) for event in events) == 1
    if limit in ("evaluations", "target_speedup"):
        assert engine.told == 1
    if limit == "generations":
        assert (engine.told, engine.stopped) == (6, "1 generation made")
    if limit.startswith("stagnant"):
        assert engine.stopped.startswith("no gain in ")


def test_records_of_free_candidates_say_nothing_of_money(tmp_path):
    session(tmp_path / "run.sqlite")
    with Journal(tmp_path / "run.sqlite") as journal:
        assert not any("spend" in body for (body,) in journal.rows("SELECT body FROM events"))


@pytest.mark.parametrize("mode", Mode)
def test_gpu_seconds_end_a_search_founders_not_counted(mode):
    engine = synthetic_engine(search_settings(budget=Budget(gpu_seconds=6.5), mode=mode, offspring=2))
    while (proposal := engine.ask()) is not None:
        candidate = asyncio.run(make(proposal, engine))
        held = Cost(gpu_seconds=1.0 if proposal.generation else 100.0)
        engine.tell(candidate, msgspec.structs.replace(verdict(candidate.kernel), cost=held))
    assert "of 6.5 GPU seconds used" in engine.stopped
    assert engine.told == 1 + (7 if mode is Mode.STEADY else 8)
