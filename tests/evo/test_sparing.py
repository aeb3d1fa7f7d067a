"""Evaluators that stop at a plan of which the verdict is known, and journals that know less."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter

import pytest

from evo.candidate import Kernel
from evo.engine import Engine
from evo.evaluation import Evaluation, Status
from evo.protocols import SparingEvaluator
from evo.settings import Mode
from tests.evo.driving import ShuffledEvaluator, answer, digest, session
from tests.standins import SyntheticEvaluator, kernel_of, search_settings, synthetic_engine, verdict


class Sparing(ShuffledEvaluator):
    """Stops at a plan that is known, as a real evaluator does after capture; counts what it judged."""

    def __init__(self, order: int) -> None:
        super().__init__(SyntheticEvaluator(), random.Random(order))
        self.judged: list[Kernel] = []

    async def evaluate_unless(self, kernel, task, known) -> Evaluation:
        plan = verdict(kernel).plan_digest
        before = None if plan is None else known(plan)
        if before is not None:
            return before
        self.judged.append(kernel)
        return await self.evaluate(kernel, task)


def told(engine: Engine) -> list[tuple]:
    return [
        (
            each.number,
            each.candidate.kernel,
            each.evaluation.status,
            each.evaluation.duplicate_of,
            each.speedup,
        )
        for each in engine.individuals.values()
    ]


@pytest.mark.parametrize("workers", [1, 5])
def test_a_plan_that_was_settled_is_not_judged_again_and_nothing_else_changes(tmp_path, workers):
    rules = search_settings(seed=3, proposals_in_flight=workers, evaluations_in_flight=workers)
    plain, _ = session(tmp_path / "plain.sqlite", rules)
    sparing = Sparing(workers)
    assert isinstance(sparing, SparingEvaluator)
    assert not isinstance(SyntheticEvaluator(), SparingEvaluator)
    spared, _ = session(tmp_path / "spared.sqlite", rules, evaluator=sparing)
    again, _ = session(tmp_path / "again.sqlite", rules, evaluator=Sparing(workers + 1))
    assert told(spared) == told(plain)
    assert digest(spared) == digest(again)
    assert Counter(each.evaluation.status for each in spared.individuals.values())[Status.DUPLICATE] > 0
    assert len(sparing.judged) < len({each.candidate.kernel for each in spared.individuals.values()})


def test_what_is_spared_is_settled_as_a_repeat_in_steady_mode_too(tmp_path):
    sparing = Sparing(3)
    engine, _ = session(tmp_path / "run.sqlite", search_settings(mode=Mode.STEADY), evaluator=sparing)
    resumed, _ = session(tmp_path / "run.sqlite", search_settings(mode=Mode.STEADY), evaluator=Sparing(4))
    assert digest(resumed) == digest(engine)
    kernels = {each.candidate.kernel for each in engine.individuals.values()} - set(sparing.judged)
    spared = [each for each in engine.individuals.values() if each.candidate.kernel in kernels]
    assert {each.evaluation.status for each in spared} <= {Status.DUPLICATE, Status.MALFORMED}


def test_plans_are_known_once_they_are_settled_and_timeouts_never():
    engine = synthetic_engine()
    seed = answer(engine)[0]
    assert engine.known_plan("value 10") is None
    engine.tell(*seed)
    assert engine.known_plan("value 10") == seed[1]
    waiting = answer(engine)[0]
    engine.tell(*waiting)
    assert engine.known_plan(f"{waiting[1].plan_digest}") in (None, seed[1])
    assert verdict(kernel_of(3, status=Status.TIMEOUT)).plan_digest is None


def test_a_journal_from_before_syntax_and_bounds_folds_to_the_same_search(tmp_path):
    path = tmp_path / "run.sqlite"
    engine, _ = session(path)
    with sqlite3.connect(path) as db:
        for seq, body in db.execute("SELECT seq, body FROM events WHERE kind = 'told'").fetchall():
            record = json.loads(body)
            record.pop("syntax", None)
            record.pop("redraws", None)
            for used in record["evaluation"]["resources"]:
                del used["bound"], used["tile"]
            db.execute("UPDATE events SET body = ? WHERE seq = ?", (json.dumps(record), seq))
    db.close()
    resumed, reason = session(path)
    assert reason == "23 evaluations made"
    assert digest(resumed) == digest(engine)
    assert all(each.candidate.syntax is None for each in resumed.individuals.values())
