"""What a report gathers is what the search saw."""

from __future__ import annotations

import math
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.budget import Budget
from evo.candidate import Proposal
from evo.credit import credits_of
from evo.errors import JournalError, RunFolderError
from evo.events import Settled
from evo.journal import Journal, JournalReader
from evo.lineage import Lineage
from evo.past import RecordedProposals
from evo.records import Asked, Evaluated
from evo.settings import Mode
from experiments.report.choosing import drawn, weighty
from experiments.report.gather import gather
from experiments.report.graph import edges
from experiments.report.writing import report
from experiments.run_folder import JOURNAL
from tests.evo.driving import ShuffledEvaluator
from tests.experiments.report.told import MODEL, Asking, answer, begun, data_of, new_run, small_run, unpacked
from tests.standins import (
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    search_settings,
    synthetic_engine,
    verdict,
)


def same(text: str) -> str:
    return text


def gathered(folder: Path):
    with JournalReader(folder / JOURNAL) as journal:
        return gather(journal, folder, same)


@settings(max_examples=8, deadline=None)
@given(
    order=st.integers(0, 2**32),
    run=st.integers(0, 2**32),
    mode=st.sampled_from(Mode),
    islands=st.integers(1, 3),
    evaluations=st.integers(1, 40),
)
def test_report_and_journal_tell_the_same_lineage(order, run, mode, islands, evaluations):
    tracker, evaluator = RecordingTracker(), ShuffledEvaluator(SyntheticEvaluator(), random.Random(order))
    rules = search_settings(
        mode=mode, seed=run, islands=islands, redraws=0, repairs=3, budget=Budget(evaluations=evaluations)
    )
    operators = {each.name: each for each in (SyntheticOperator(), SyntheticOperator("mix", arity=2))}
    with tempfile.TemporaryDirectory() as root:
        engine = synthetic_engine(rules, operators=operators)
        folder = new_run(Path(root) / "run", engine, (tracker,), evaluator)
        told, page = gathered(folder), report(folder)
        with JournalReader(folder / JOURNAL) as journal:
            proposals, credits = dict(RecordedProposals(journal)), credits_of(journal)
            active = journal.active_seconds()
    settled = {e.individual.number: e.individual for e in tracker.events if isinstance(e, Settled)}
    assert told.fates.keys() == settled.keys()
    for number, fate in told.fates.items():
        individual = settled[number]
        assert fate.status is individual.evaluation.status
        assert fate.duplicate_of == individual.evaluation.duplicate_of
        assert (fate.speed and fate.speed.value) == pytest.approx(individual.speedup)
    assert told.winner.number == credits.elite
    assert list(told.elites) == [
        e.individual.number for e in tracker.events if isinstance(e, Settled) and e.elite
    ]
    columns = unpacked(data_of(page)["graph"])
    assert edges(columns) == {(parent, each.number) for each in proposals.values() for parent in each.parents}
    assert columns["number"] == sorted(proposals)
    assert tuple(data_of(page)["line"]) == Lineage(proposals).line(credits.elite)
    assert 0 <= told.latest.seconds <= active + 1e-3
    speeds = [moment.speed.value for moment in told.improvements]
    assert speeds == sorted(speeds)
    assert max(speeds) == pytest.approx(told.winner.speed.value)
    assert told.latest.evaluations == evaluations


def test_of_too_many_the_lines_of_the_best_are_drawn(tmp_path):
    told = gathered(small_run(tmp_path / "run", 200))
    line = set(told.line(told.winner.number))
    for most in (len(line), 30, 100, 199):
        chosen = drawn(told, most)
        assert len(chosen) == most
        assert chosen == sorted(set(chosen))
        assert line <= set(chosen)
        assert set(weighty(told, chosen)[: len(line)]) >= line
    assert drawn(told, 200) == list(range(200))


def test_tokens_models_and_calls(tmp_path):
    folder = small_run(tmp_path / "run", operators={"asking": Asking("asking")}, redraws=0)
    answer(folder, 3, "faster", "a reply")
    told = gathered(folder)
    assert told.latest.tokens == 22 * 110
    assert told.latest.dollars == pytest.approx(0.22)
    assert [call.model for call in told.calls[3]] == [MODEL]
    page = report(folder)
    assert MODEL in page
    assert "2,420" in page


def test_a_run_that_was_killed_tells_what_is_under_way(tmp_path):
    engine = synthetic_engine()
    folder = begun(tmp_path / "run", engine)
    with Journal(folder / JOURNAL) as journal:
        journal.open_session("task = 'x'\n")
        seed = engine.ask()
        journal.append(Asked(proposal=seed))
        record = Evaluated(
            number=0,
            attempt=1,
            summary="",
            kernel=engine.task.seed.digest,
            evaluation=verdict(engine.task.seed),
        )
        journal.append(record, engine.task.seed.source.encode())
        journal.append(Asked(proposal=Proposal(number=1, operator="step", parents=(0,), generation=1, key=1)))
    told = gathered(folder)
    assert (told.under_way, told.stopped, told.winner.number) == (1, None, 0)
    assert math.isclose(told.winner.speed.value, 1.0)
    assert "it is searching, or was interrupted; 1 candidate under way" in report(folder)


def test_what_was_never_asked_is_refused(tmp_path):
    engine = synthetic_engine()
    folder = begun(tmp_path / "run", engine)
    with Journal(folder / JOURNAL) as journal:
        journal.append(
            Evaluated(number=4, attempt=1, summary="", kernel=None, evaluation=verdict(engine.task.seed))
        )
    with pytest.raises(JournalError, match="got candidate 4 that was not"):
        gathered(folder)


def test_a_journal_that_cannot_be_decoded_is_refused(tmp_path):
    folder = small_run(tmp_path / "run", 3)
    with Journal(folder / JOURNAL) as journal:
        journal._db.execute("UPDATE events SET body = '{}' WHERE seq = 2")
    with pytest.raises(RunFolderError, match="must be whole"):
        report(folder)
