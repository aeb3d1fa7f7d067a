"""Where a run stands, told by its journal's tables, is what the fold says; so is what its time went into."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.account import account_of, recorded_digest
from evo.budget import Budget
from evo.candidate import Kernel, Spend
from evo.credit import credits_of
from evo.errors import RunFolderError, SeedError
from evo.evaluation import Cost, Evaluation
from evo.fold import fold, inscribe
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.pace import Pace, pace_of
from evo.records import Asked, Called, Evaluated
from evo.replay import recorded_engine, replay
from evo.settings import Mode
from evo.task import Task
from tests.evo.driving import ShuffledEvaluator, digest, session
from tests.evo.test_imports import imports_at
from tests.standins import SyntheticEvaluator, search_settings, synthetic_engine, synthetic_task, verdict


class Interrupting:
    """Has the search stop after so many evaluations."""

    def __init__(self, at: int | None, order: int) -> None:
        self._inner = ShuffledEvaluator(SyntheticEvaluator(), random.Random(order))
        self.source, self.device = self._inner.source, self._inner.device
        self._left = at
        self.search: Search | None = None

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        if self._left == 0:
            assert self.search is not None
            self.search.stop()
        self._left = None if self._left is None else self._left - 1
        return await self._inner.evaluate(kernel, task)


@settings(max_examples=25)
@given(
    sessions=st.lists(st.tuples(st.none() | st.integers(0, 12), st.integers(1, 23)), min_size=1, max_size=3),
    mode=st.sampled_from(Mode),
    imports=st.integers(0, 3),
    workers=st.integers(1, 6),
    order=st.integers(0, 2**32),
)
def test_it_stands_where_the_fold_says(sessions, mode, imports, workers, order):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        for at, evaluations in sessions:
            rules = search_settings(
                mode=mode, evaluations_in_flight=workers, budget=Budget(evaluations=evaluations)
            )
            engine = synthetic_engine(rules, imports=imports_at(*range(11, 11 + imports)))
            with Journal(path) if path.exists() else Journal.create(path) as journal:
                list(fold(journal, engine))
                search = Search(engine, evaluator := Interrupting(at, order), journal)
                evaluator.search = search
                asyncio.run(search.run("settings"))
        with JournalReader(path) as reader:
            recorded = recorded_engine(reader)
            list(replay(reader, recorded))
            account = account_of(reader)
            assert (account.asked, account.told) == (recorded.asked, recorded.told)
            assert (account.settled, account.generation) == (len(recorded.individuals), recorded.generation)
            assert account.stopped == recorded.stopped
            assert recorded_digest(reader, account.settled) == digest(recorded)


class Slow(SyntheticEvaluator):
    """Says that it took time, in two stages and between them."""

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        cost = Cost(
            cpu_seconds=3.0, wall_seconds=2.0, gpu_seconds=0.5,
            stage_seconds={"capture": 0.25, "compile": 1.5},
        )  # fmt: skip
        evaluation = await super().evaluate(kernel, task)
        return Evaluation(
            **{**{f: getattr(evaluation, f) for f in evaluation.__struct_fields__}, "cost": cost}
        )


def test_costs_add_up(tmp_path):
    evaluator = Slow()
    session(tmp_path / "run.sqlite", evaluator=evaluator)
    count = len(evaluator.asked)
    with JournalReader(tmp_path / "run.sqlite") as reader:
        last = reader.last().at
        pace = pace_of(reader, last)
        records = [entry.record for entry in reader.entries() if isinstance(entry.record, Evaluated)]
        making = [record.making_seconds for record in records if record.final]
    assert 0 < count <= 23
    assert (pace.cpu_seconds, pace.gpu_seconds) == (3.0 * count, 0.5 * count)
    assert pace.stage_seconds == {"capture": 0.25 * count, "compile": 1.5 * count, "other": 0.25 * count}
    assert 0 < pace.making_seconds == pytest.approx(sum(making))
    assert pace.rate == pytest.approx(23 / pace.active_seconds)
    assert pace.silent_seconds == 0


def journal_at(path: Path, *records: tuple[float, Asked | Evaluated | None]) -> Path:
    """Write a journal whose records came about at these seconds; None opens a session."""
    with Journal.create(path) as journal:
        inscribe(journal, synthetic_engine())
        for _, record in records:
            if record is None:
                journal.open_session("settings")
            else:
                journal.append(record)
        for seq, (at, _) in enumerate(records, start=1):
            journal._db.execute("UPDATE events SET at = ? WHERE seq = ?", (at, seq))
    return path


def asked(number: int) -> Asked:
    engine = synthetic_engine()
    proposal = engine.ask()
    assert proposal is not None
    return Asked(proposal=type(proposal)(**{**_fields(proposal), "number": number}))


def told(number: int, wall: float, making: float = 0.0) -> Evaluated:
    kernel = synthetic_task().seed
    evaluation = Evaluation(**{**_fields(verdict(kernel)), "cost": Cost(wall_seconds=wall)})
    return Evaluated(
        number=number, attempt=1, summary="", kernel=kernel.digest, evaluation=evaluation,
        making_seconds=making,
    )  # fmt: skip


def _fields(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def test_the_time_between_sessions_is_nobody_s(tmp_path):
    path = journal_at(
        tmp_path / "run.sqlite",
        (100.0, None), (100.0, asked(0)), (104.0, told(0, 3.0)), (105.0, asked(1)), (110.0, None),
        (9000.0, None), (9010.0, told(1, 2.0, 5.0)), (9011.0, asked(2)),
    )  # fmt: skip
    with JournalReader(path) as reader:
        pace = pace_of(reader, 9020.0)
        assert pace == Pace(
            active_seconds=16.0, rate=2 / 16, last_minute=1 / 20, silent_seconds=9.0, making_seconds=5.0,
            waiting_seconds=1.0 + 3.0, stage_seconds={"other": 5.0}, cpu_seconds=0.0, gpu_seconds=0.0,
        )  # fmt: skip
        assert pace_of(reader, 9100.0).last_minute == 0
        assert pace_of(reader, 50.0).silent_seconds == 0, "a clock that was set back"


def test_replies_are_paid_for_before_their_candidates_are_told(tmp_path):
    path = tmp_path / "run.sqlite"
    first = Spend(tokens_in=10, tokens_out=5, dollars=0.25)
    with Journal.create(path) as journal:
        inscribe(journal, synthetic_engine())
        journal.open_session("settings")
        journal.append(asked(0))
        journal.append(told(0, 1.0))
        for number in (1, 2):
            journal.append(asked(number))
            journal.append(Called(number=number, attempt=0, request="a", reply="b", spend=first))
        paid = told(1, 1.0)
        journal.append(type(paid)(**{**_fields(paid), "spend": first}))
        assert account_of(journal).spend == first + first
        assert account_of(journal).told == 2


def test_a_run_that_has_hardly_begun(tmp_path):
    with Journal.create(tmp_path / "run.sqlite") as journal:
        with pytest.raises(RunFolderError, match="none has"):
            account_of(journal)
        inscribe(journal, synthetic_engine())
        account = account_of(journal)
        assert (account.asked, account.told, account.settled, account.generation) == (0, 0, 0, 0)
        assert pace_of(journal, 5.0).rate == pace_of(journal, 5.0).last_minute == 0
        assert recorded_digest(journal, 0) == digest(synthetic_engine())


@pytest.mark.parametrize("mode", Mode)
def test_without_a_seed_kernel_that_passes_there_is_no_best(mode, tmp_path):
    task = synthetic_task("# value: 10\n# status: WRONG\n")
    engine = synthetic_engine(search_settings(mode=mode), task=task, imports=imports_at(20, 30))
    with pytest.raises(SeedError):
        session(tmp_path / "run.sqlite", engine=engine)
    with JournalReader(tmp_path / "run.sqlite") as reader:
        assert credits_of(reader).elite is None
