"""Searches that begin with kernels of earlier runs beside the task's seed kernel."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Origin
from evo.credit import credits_of
from evo.errors import RunFolderError, SettingsError
from evo.evaluation import Status
from evo.events import GenerationEnded
from evo.fold import fold, inscribe, recorded_imports
from evo.imports import Import, identity_of
from evo.journal import Journal, JournalReader
from evo.past import JournalPast
from evo.replay import recorded_engine, replay
from evo.settings import Mode
from tests.evo.driving import ShuffledEvaluator, digest, drive, session
from tests.standins import (
    ENDS,
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    kernel_of,
    search_settings,
    synthetic_engine,
)


def imports_at(*values: int, status: Status = Status.PASSED) -> tuple[Import, ...]:
    return tuple(
        Import(kernel_of(value, status=status), Origin(run="earlier", identity="e" * 64, number=place + 5))
        for place, value in enumerate(values)
    )


@settings(max_examples=20)
@given(
    values=st.lists(st.integers(1, 40), max_size=9),
    mode=st.sampled_from(Mode),
    workers=st.integers(1, 8),
    order=st.integers(0, 2**32),
    evaluations=st.integers(1, 23),
    islands=st.integers(1, 3),
)
def test_the_fold_and_the_replay_see_what_the_trackers_saw(
    values, mode, workers, order, evaluations, islands
):
    rules = search_settings(
        mode=mode, evaluations_in_flight=workers, islands=islands, budget=Budget(evaluations=evaluations)
    )
    tracker, imports = RecordingTracker(), imports_at(*values)
    evaluator = ShuffledEvaluator(SyntheticEvaluator(), random.Random(order))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        engine, _ = session(
            path, evaluator=evaluator, trackers=[tracker], engine=synthetic_engine(rules, imports=imports)
        )
        with JournalReader(path) as reader:
            assert recorded_imports(reader) == imports
            folded = synthetic_engine(rules, imports=recorded_imports(reader))
            assert repr(list(fold(reader, folded))) == repr(tracker.events)
            recorded = recorded_engine(reader)
            assert repr(list(replay(reader, recorded))) == repr(tracker.events)
            assert credits_of(reader).elite == engine.elite.number
            past = JournalPast(reader)
            assert all(repr(past.individual(n)) == repr(each) for n, each in engine.individuals.items())
    assert engine.told == evaluations
    assert digest(folded) == digest(recorded) == digest(engine)
    first = next(event for event in tracker.events if isinstance(event, GenerationEnded))
    assert (first.generation, first.told) == (0, min(1 + len(values), evaluations))
    if mode is Mode.GENERATIONAL:
        drive(alone := synthetic_engine(rules, imports=imports))
        assert digest(alone) == digest(engine), "one lineage, whatever the workers"


def test_imports_are_founders_with_an_origin_on_every_island():
    rules = search_settings(islands=2, population=3, budget=Budget(generations=1))
    engine = synthetic_engine(rules, imports=imports_at(30, 12, 25))
    events = drive(engine)
    assert engine.told == 4 + rules.offspring
    first = next(event for event in events if isinstance(event, GenerationEnded))
    assert first.islands == ((1, 3, 2), (1, 3, 2))
    told = engine.individuals[3].candidate
    assert (told.proposal.operator, told.proposal.parents, told.proposal.generation) == ("imported", (), 0)
    assert told.origin == Origin(run="earlier", identity="e" * 64, number=7)
    assert told.summary == "from run earlier, candidate 7"
    assert engine.individuals[1].speedup == pytest.approx(3.0), "over the seed kernel of this run"
    assert {engine.individuals[each].candidate.proposal.generation for each in range(4, 9)} == {1}


def test_an_import_may_be_broken_or_the_seed_kernel_itself():
    broken = [imports_at(3, status=status)[0] for status in ENDS]
    engine = synthetic_engine(imports=[*imports_at(10), *broken])
    drive(engine)
    assert engine.individuals[1].evaluation.duplicate_of == 0
    assert [engine.individuals[2 + place].evaluation.status for place in range(len(ENDS))] == list(ENDS)
    assert engine.told == 23


@pytest.mark.parametrize("mode", Mode)
def test_killed_anywhere_it_needs_nothing_but_its_journal(tmp_path, mode):
    class Dying(SyntheticEvaluator):
        async def evaluate(self, kernel, task):
            if len(self.asked) == at:
                raise RuntimeError("killed")
            return await super().evaluate(kernel, task)

    rules = search_settings(mode=mode, evaluations_in_flight=1, proposals_in_flight=1)
    whole, _ = session(
        tmp_path / "whole.sqlite", engine=synthetic_engine(rules, imports=imports_at(9, 14, 11))
    )
    path = tmp_path / "run.sqlite"
    with Journal.create(path) as journal:
        inscribe(journal, synthetic_engine(rules, imports=imports_at(9, 14, 11)))
    for at in (0, 1, 1, 2, 6, 30):
        with JournalReader(path) as reader:
            engine = synthetic_engine(rules, imports=recorded_imports(reader))
        if at < 30:
            with pytest.raises(ExceptionGroup):
                session(path, evaluator=Dying(), engine=engine)
        else:
            session(path, engine=engine)
    assert [engine.individuals[each].candidate for each in range(4)] == [
        whole.individuals[each].candidate for each in range(4)
    ]
    assert mode is Mode.STEADY or digest(engine) == digest(whole), "steady, it depends on what was in flight"


def test_other_imports_are_refused(tmp_path):
    session(tmp_path / "run.sqlite", engine=synthetic_engine(imports=imports_at(12)))
    for others in ((), imports_at(13), imports_at(12, 13)):
        with (
            JournalReader(tmp_path / "run.sqlite") as reader,
            pytest.raises(SettingsError, match="imported was"),
        ):
            list(fold(reader, synthetic_engine(imports=others)))


def test_a_larger_budget_goes_on_where_the_imports_were_cut_short(tmp_path):
    for mode in Mode:
        path = tmp_path / f"{mode}.sqlite"
        for evaluations in (2, 3, 17):
            budget = Budget(evaluations=evaluations)
            rules = search_settings(mode=mode, budget=budget, evaluations_in_flight=1, proposals_in_flight=1)
            engine, _ = session(path, engine=synthetic_engine(rules, imports=imports_at(9, 14, 11)))
            assert engine.told == evaluations
        alone = synthetic_engine(rules, imports=imports_at(9, 14, 11))
        session(tmp_path / f"alone {mode}.sqlite", engine=alone)
        assert digest(engine) == digest(alone)


@pytest.mark.parametrize("name", ["seed", "imported"])
def test_no_operator_bears_a_founder_s_name(name):
    with pytest.raises(ValueError, match="which is none of"):
        synthetic_engine(operators={name: SyntheticOperator(name)})


def test_two_runs_are_told_apart_and_a_run_is_itself(tmp_path):
    identities = []
    for name in ("one", "other"):
        session(tmp_path / f"{name}.sqlite")
        with JournalReader(tmp_path / f"{name}.sqlite") as reader:
            identities.append(identity_of(reader))
            assert identity_of(reader) == identities[-1]
    assert len(set(identities)) == 2
    with Journal.create(tmp_path / "new.sqlite") as journal, pytest.raises(RunFolderError, match="none has"):
        identity_of(journal)
