"""The past: what the journal tells of candidates equals what was settled, without a fold."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.errors import UsageError
from evo.events import Settled
from evo.fold import fold
from evo.individuals import LATEST, Individuals
from evo.journal import Journal, JournalReader
from evo.lineage import Lineage
from evo.loop import Search
from evo.past import JournalPast, RecordedProposals
from evo.settings import Mode
from tests.evo.driving import ShuffledEvaluator, session
from tests.evo.test_islands import individual
from tests.standins import (
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    search_settings,
    synthetic_engine,
)


def told(individual) -> tuple:
    return individual.candidate, individual.evaluation, individual.fitness.values


def settled(tracker: RecordingTracker) -> dict[int, tuple]:
    events = [event for event in tracker.events if isinstance(event, Settled)]
    return {event.individual.number: told(event.individual) for event in events}


def repetitive():
    """Return operators that often make what was made before, by kernel or by plan."""
    made = (SyntheticOperator("step", reach=2), SyntheticOperator("leap", reach=3), SyntheticOperator("mix"))
    return {operator.name: operator for operator in made}


@settings(max_examples=10)
@given(order=st.integers(0, 2**32), run=st.integers(0, 2**32), mode=st.sampled_from(Mode))
def test_it_tells_every_individual_as_it_was_settled(order, run, mode):
    tracker = RecordingTracker()
    rules = search_settings(mode=mode, seed=run, redraws=0, budget=Budget(evaluations=30))
    evaluator = ShuffledEvaluator(SyntheticEvaluator(), random.Random(order))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        engine = synthetic_engine(rules, operators=repetitive())
        session(path, engine=engine, evaluator=evaluator, trackers=[tracker])
        with JournalReader(path) as reader:
            past, proposals = JournalPast(reader), RecordedProposals(reader)
            assert {number: told(past.individual(number)) for number in range(30)} == settled(tracker)
            for each in settled(tracker).values():
                kernel = each[0].kernel
                assert kernel is None or past.verdict(kernel) is not None
            assert proposals == {n: each[0].proposal for n, each in settled(tracker).items()}
            recorded, whole = Lineage(proposals), Lineage(engine.individuals)
            for number in range(30):
                assert recorded.line(number) == whole.line(number)
                assert recorded.ancestors(number) == whole.ancestors(number)
                assert recorded.descendants(number) == whole.descendants(number)


def test_what_was_asked_and_not_told_is_not_there(tmp_path):
    class Interrupting(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            if len(self.asked) == 8:
                search.stop()
                await asyncio.get_running_loop().create_future()
            return await super().evaluate(kernel, task)

    engine = synthetic_engine(search_settings(evaluations_in_flight=1))
    with Journal.create(tmp_path / "run.sqlite") as journal:
        search = Search(engine, Interrupting(), journal)
        asyncio.run(search.run(""))
        owed = engine.pending[0].number
        with pytest.raises(KeyError):
            JournalPast(journal).individual(owed)
        with pytest.raises(UsageError, match=f"one of this run's {engine.told}, got {owed}"):
            Lineage(RecordedProposals(journal)).line(owed)
        assert all(each not in RecordedProposals(journal) for each in (-1, 10**30, "0", None))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_long_search_holds_what_is_in_use_and_reads_the_rest_back(tmp_path, mode):
    class Values(RecordingTracker):
        """Keeps what was settled, but not the individuals."""

        def __init__(self) -> None:
            super().__init__()
            self.told: dict[int, tuple] = {}

        def record(self, event) -> None:
            if isinstance(event, Settled):
                self.told[event.individual.number] = told(event.individual)

    path, tracker = tmp_path / "run.sqlite", Values()
    rules = search_settings(mode=mode, budget=Budget(evaluations=LATEST + 100))
    with Journal.create(path) as journal:
        engine = synthetic_engine(rules)
        asyncio.run(Search(engine, SyntheticEvaluator(), journal, [tracker]).run(""))
        held = engine.individuals._whole
        assert len(held) < LATEST + 20
        assert {number: told(each) for number, each in engine.individuals.items()} == tracker.told
        read = engine.individuals[3]
        assert engine.individuals[3] is read
    with JournalReader(path) as reader:
        folded = synthetic_engine(rules)
        for _ in fold(reader, folded):
            pass
        assert len(folded.individuals._whole) < LATEST + 20
        assert told(folded.individuals[3]) == tracker.told[3]


@given(st.permutations(range(12)))
def test_individuals_come_in_settling_order(order):
    individuals = Individuals()
    for place, number in enumerate(order):
        assert number not in individuals
        individuals.add(individual(number, number))
        assert list(individuals) == order[: place + 1]
        assert len(individuals) == place + 1
    assert [each.number for each in individuals.values()] == order
    assert all(each not in individuals for each in (-1, 12, "0", None))
    with pytest.raises(KeyError):
        individuals[12]


def test_a_journal_without_the_lookups_is_read_and_gets_them(tmp_path):
    path = tmp_path / "run.sqlite"
    engine, _ = session(path)
    db = sqlite3.connect(path)
    for name in ("kernels", "plans"):
        db.execute(f"DROP INDEX {name}")
    db.commit()
    db.close()
    with JournalReader(path) as reader:
        past = JournalPast(reader)
        assert all(told(past.individual(n)) == told(each) for n, each in engine.individuals.items())
    with Journal(path) as journal:
        [(count,)] = journal.rows("SELECT count(*) FROM sqlite_master WHERE name IN ('kernels', 'plans')")
        assert count == 2
