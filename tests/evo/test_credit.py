"""Operator credit: one pass over the journal says what the search saw."""

from __future__ import annotations

import math
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import FREE, Kernel
from evo.credit import Credits, OperatorCredit, credits_of
from evo.evaluation import Status
from evo.events import Settled
from evo.gain import TUNING, gain
from evo.journal import Journal, JournalReader
from evo.protocols import Draft, Malformed
from evo.settings import Mode
from operators.tune import Tune
from tests.evo.driving import ShuffledEvaluator, session
from tests.evo.test_spend import MOST, PaidOperator
from tests.standins import (
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    search_settings,
    synthetic_engine,
)


def expected(tracker: RecordingTracker) -> dict[str, OperatorCredit]:
    """Return the credits by adding up what was settled."""
    individuals = {e.individual.number: e.individual for e in tracker.events if isinstance(e, Settled)}
    made: dict[str, list] = {}
    for each in list(individuals.values())[1:]:
        made.setdefault(each.candidate.proposal.operator, []).append(each)
    credits = {}
    for name, own in made.items():
        gains = [gain(each, [individuals[n] for n in each.candidate.proposal.parents]) for each in own]
        passed = [each for each in own if each.evaluation.passed]
        best = min(passed, key=lambda each: (-each.fitness.values[1], each.number), default=None)
        credits[name] = OperatorCredit(
            operator=name, tuning=name == "tune", asked=len(own),
            statuses=dict(Counter(each.evaluation.status for each in own)),
            improved=sum(each > 0 for each in gains), gain=math.fsum(gains),
            best=best and best.number, best_speedup=best and best.speedup,
            spend=sum((each.candidate.spend for each in own), start=FREE),
        )  # fmt: skip
    return credits


@settings(max_examples=10)
@given(
    order=st.integers(0, 2**32),
    run=st.integers(0, 2**32),
    mode=st.sampled_from(Mode),
    evaluations=st.integers(1, 40),
)
def test_one_pass_says_what_was_settled(order, run, mode, evaluations):
    operators = {
        "step": SyntheticOperator("step", reach=3), "tune": PaidOperator("tune", reach=20),
        "mix": SyntheticOperator("mix", arity=2), "none": SyntheticOperator("none", faults=16),
    }  # fmt: skip
    rules = search_settings(mode=mode, seed=run, repairs=3, budget=Budget(evaluations=evaluations))
    tracker, evaluator = RecordingTracker(), ShuffledEvaluator(SyntheticEvaluator(), random.Random(order))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        engine = synthetic_engine(rules, operators=operators)
        session(path, engine=engine, evaluator=evaluator, trackers=[tracker])
        with JournalReader(path) as reader:
            seen = credits_of(reader)
        assert seen.elite == engine.elite.number
        statuses = Counter(e.individual.evaluation.status for e in tracker.events if isinstance(e, Settled))
        assert seen.statuses == dict(statuses)
    wanted = expected(tracker)
    assert {each.operator for each in seen.operators} == wanted.keys()
    for each in seen.operators:
        other = wanted[each.operator]
        assert each.gain == pytest.approx(other.gain)
        assert each.best_speedup == pytest.approx(other.best_speedup)
        assert (each.asked, each.statuses, each.best) == (other.asked, other.statuses, other.best)
        assert (each.improved, each.tuning, each.spend) == (other.improved, other.tuning, other.spend)
        assert each.gain_per_evaluation * each.told == pytest.approx(each.gain)
        assert each.mean_gain * each.improved == pytest.approx(each.gain)
    gains = [each.gain for each in seen.operators]
    assert gains == sorted(gains, reverse=True)
    tuned = wanted["tune"].gain if "tune" in wanted else 0.0
    assert seen.gain(tuning=True) == pytest.approx(tuned)
    assert seen.gain(tuning=False) == pytest.approx(sum(each.gain for each in wanted.values()) - tuned)


def test_a_run_that_has_not_begun_has_no_credit(tmp_path):
    with Journal.create(tmp_path / "run.sqlite") as journal:
        assert credits_of(journal) == Credits(operators=(), statuses={}, elite=None)


def test_an_operator_of_which_nothing_came(tmp_path):
    class Silent(SyntheticOperator):
        async def propose(self, proposal, parents, task):
            return Malformed("no answer", MOST)

    path = tmp_path / "run.sqlite"
    session(path, engine=synthetic_engine(operators={"silent": Silent("silent")}))
    with JournalReader(path) as reader:
        [silent] = credits_of(reader).operators
    assert (silent.asked, silent.told, silent.statuses) == (22, 22, {Status.MALFORMED: 22})
    assert (silent.gain, silent.mean_gain, silent.gain_per_evaluation, silent.best) == (0, 0, 0, None)
    assert silent.spend == MOST * 22


def test_broken_kernels_that_differ_in_comments_are_repeats(tmp_path):
    class Commenting(SyntheticOperator):
        async def propose(self, proposal, parents, task):
            return Draft(Kernel(f"x = 1\n# status: REJECTED\n# note: {proposal.number}\n"), "a comment")

    path, tracker = tmp_path / "run.sqlite", RecordingTracker()
    engine = synthetic_engine(search_settings(redraws=0), operators={"comment": Commenting("comment")})
    session(path, engine=engine, trackers=[tracker])
    with JournalReader(path) as reader:
        seen = credits_of(reader)
    wanted = Counter(e.individual.evaluation.status for e in tracker.events if isinstance(e, Settled))
    assert seen.statuses == dict(wanted)
    assert wanted == {Status.DUPLICATE: 21, Status.REJECTED: 1, Status.PASSED: 1}


def test_tuning_goes_by_the_name_of_its_operator():
    assert {Tune.name} == TUNING
