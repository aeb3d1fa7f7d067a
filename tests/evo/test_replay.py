"""A run read back from its journal alone equals the run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evo.budget import Budget
from evo.errors import RunFolderError
from evo.fold import fold
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.replay import recorded_engine, replay
from tests.evo.driving import digest, session
from tests.standins import RecordingTracker, SyntheticEvaluator, search_settings, synthetic_engine


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "run.sqlite"


@pytest.mark.parametrize(
    "budget",
    [
        Budget(evaluations=1),
        Budget(evaluations=21),
        Budget(evaluations=23),
        Budget(target_speedup=1.5),
        Budget(stagnant_generations=1),
    ],
)
def test_replay_sees_what_the_trackers_saw(path, budget):
    tracker = RecordingTracker()
    engine, reason = session(path, search_settings(budget=budget), trackers=[tracker])
    with JournalReader(path) as reader:
        recorded = recorded_engine(reader)
        assert repr(list(replay(reader, recorded))) == repr(tracker.events)
    assert recorded.stopped == reason
    assert digest(recorded) == digest(engine)
    assert [each.number for each in recorded.population] == [each.number for each in engine.population]
    assert (recorded.elite.number, recorded.told) == (engine.elite.number, engine.told)


@pytest.mark.parametrize("at", [0, 1, 8, 14])
def test_replay_of_an_interrupted_run_leaves_its_generation_open(path, at):
    class Interrupting(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            if len(self.asked) == at:
                search.stop()
            return await super().evaluate(kernel, task)

    engine = synthetic_engine(search_settings(evaluations_in_flight=1))
    with Journal.create(path) as journal:
        list(fold(journal, engine))
        search = Search(engine, Interrupting(), journal)
        assert asyncio.run(search.run("")) is None
    with JournalReader(path) as reader:
        recorded = recorded_engine(reader)
        list(replay(reader, recorded))
    assert recorded.stopped is None
    assert (recorded.asked, recorded.told, recorded.generation) == (
        engine.asked,
        engine.told,
        engine.generation,
    )
    assert recorded.pending == engine.pending
    assert digest(recorded) == digest(engine)


def test_a_run_without_a_session_cannot_be_read(path):
    with Journal.create(path) as journal, pytest.raises(RunFolderError, match="none has"):
        recorded_engine(journal)
