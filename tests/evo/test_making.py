"""Making candidates: proposals whose kernels repeat settled ones are drawn again, within bounds."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Kernel, Proposal
from evo.errors import SettingsError
from evo.evaluation import Status
from evo.making import make, redrawn
from evo.protocols import Draft, Malformed
from tests.evo.driving import ShuffledEvaluator, answer, digest, drive, session
from tests.standins import SyntheticEvaluator, SyntheticOperator, search_settings, synthetic_engine

NARROW = {"redraws": 2, "budget": Budget(evaluations=40)}


def narrow_engine(**changes: object):
    """An engine whose operators make few different kernels, so that they often repeat themselves."""
    operators = {name: SyntheticOperator(name, reach=reach) for name, reach in (("step", 2), ("leap", 3))}
    return synthetic_engine(search_settings(**{**NARROW, **changes}), operators=operators)


class Listed(SyntheticOperator):
    """Gives one answer after the other, and keeps the keys that it was asked with."""

    def __init__(self, answers) -> None:
        super().__init__("listed")
        self._answers = answers
        self.keys: list[int] = []

    async def propose(self, proposal, parents, task):
        self.keys.append(proposal.key)
        return self._answers[min(len(self.keys), len(self._answers)) - 1]


def made(answers, redraws):
    """Return what is made of the operator's answers after the seed was settled, and the operator."""
    operator = Listed(answers)
    engine = synthetic_engine(search_settings(redraws=redraws), operators={"listed": operator})
    engine.tell(*answer(engine)[0])
    proposal = engine.ask()
    return asyncio.run(make(proposal, engine)), proposal, operator


REPEAT = Draft(synthetic_engine().task.seed, "the same again")
FRESH = Draft(type(REPEAT.kernel)("# value: 3\n"), "new")


@pytest.mark.parametrize(
    ("answers", "redraws", "draws", "summary"),
    [
        ([FRESH], 3, 1, "new"),
        ([REPEAT, FRESH], 3, 2, "new"),
        ([REPEAT, REPEAT, FRESH], 1, 2, "the same again"),
        ([REPEAT], 3, 4, "the same again"),
        ([REPEAT, FRESH], 0, 1, "the same again"),
        ([REPEAT, Malformed("none")], 3, 2, "none"),
    ],
)
def test_repeats_are_drawn_again_within_bounds(answers, redraws, draws, summary):
    candidate, proposal, operator = made(answers, redraws)
    assert (len(operator.keys), candidate.summary) == (draws, summary)
    assert candidate.proposal == proposal
    assert operator.keys == [proposal.key] + [redrawn(proposal, each).key for each in range(1, draws)]


@given(key=st.integers(0, 2**64 - 1))
def test_keys_of_redraws_differ_and_fit(key):
    proposal = Proposal(number=1, operator="step", parents=(0,), generation=1, key=key)
    keys = [redrawn(proposal, attempt).key for attempt in range(5)]
    assert len({key, *keys}) == 6
    assert all(0 <= each < 2**64 for each in keys)


def test_a_kernel_behind_the_barrier_is_no_repeat():
    engine = narrow_engine()
    engine.tell(*answer(engine)[0])
    answers = answer(engine)
    engine.tell(*answers[0])
    assert engine.known(answers[0][0]) is not None
    assert not engine.repeats(answers[0][0])
    assert engine.repeats(engine.individuals[0].candidate)


def test_a_kernel_that_differs_in_nothing_that_counts_is_drawn_again_and_not_evaluated(tmp_path):
    first, noted, other = (
        Draft(Kernel(f"# value: 3\nx = {value}{note}\n"), "drawn")
        for value, note in ((1, ""), (1, "  # a note"), (2, ""))
    )
    settings = search_settings(redraws=1, budget=Budget(evaluations=5), offspring=1)
    engine = synthetic_engine(
        settings, operators={"listed": Listed([first, noted, other, noted, noted, first])}
    )
    evaluator = SyntheticEvaluator()
    session(tmp_path / "run.sqlite", engine=engine, evaluator=evaluator)
    assert [each.candidate.redraws for each in engine.individuals.values()] == [0, 0, 1, 1, 1]
    repeats = [each.evaluation.duplicate_of for each in engine.individuals.values()]
    assert repeats == [None, None, 1, 1, 1]  # by its plan, by its syntax, by its source
    assert [kernel.source for kernel in evaluator.asked] == [
        engine.task.seed.source, first.kernel.source, other.kernel.source,
    ]  # fmt: skip
    resumed, _ = session(
        tmp_path / "run.sqlite",
        settings,
        evaluator=SyntheticEvaluator(),
        engine=synthetic_engine(settings, operators={"listed": Listed([])}),
    )
    assert [each.candidate for each in resumed.individuals.values()] == [
        each.candidate for each in engine.individuals.values()
    ]


def test_redrawing_leaves_fewer_repeats():
    ends = []
    for redraws in (0, 3):
        engine = narrow_engine(redraws=redraws)
        drive(engine)
        ends.append(Counter(each.evaluation.status for each in engine.individuals.values()))
    assert ends[1][Status.DUPLICATE] < ends[0][Status.DUPLICATE]


@pytest.mark.parametrize("workers", [1, 4])
def test_neither_workers_nor_interruptions_change_what_is_redrawn(tmp_path, workers):
    straight = narrow_engine()
    drive(straight)

    class Failing(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            if len(self.asked) == 9:
                raise RuntimeError("killed")
            return await super().evaluate(kernel, task)

    changes = {"proposals_in_flight": workers, "evaluations_in_flight": workers}
    path = tmp_path / "run.sqlite"
    with pytest.raises(ExceptionGroup):
        session(path, engine=narrow_engine(**changes), evaluator=Failing())
    evaluator = ShuffledEvaluator(SyntheticEvaluator(), random.Random(workers))
    resumed, reason = session(path, engine=narrow_engine(**changes), evaluator=evaluator)
    assert reason == "40 evaluations made"
    assert digest(resumed) == digest(straight)


def test_redraws_are_none_or_more():
    with pytest.raises(SettingsError, match="redraws must be 0 to 100000, got -1"):
        search_settings(redraws=-1)
