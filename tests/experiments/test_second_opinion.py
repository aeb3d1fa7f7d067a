"""A second opinion on the winner of a run: journalled once, beside the search, shown wherever a run is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from mlflow import MlflowClient

from evo.evaluation import Status
from evo.journal import Journal
from evo.records import SecondOpinion
from experiments.cli import run
from experiments.report.writing import report
from experiments.run_folder import JOURNAL, SETTINGS
from experiments.second_opinion import opine
from experiments.session import Session, go_on
from experiments.settings import read_settings
from fitness.devices import device_for
from fitness.opinion.second import Seeking
from fitness.rooms import open_rooms
from fitness.settings import JudgeSettings, StageLimits
from fitness.stages import Stages
from tests.experiments.commanding import SMALL, quick_run

AGREES = SecondOpinion(number=3, against=(), latencies={"square": 0.5})
DISAGREES = SecondOpinion(number=3, against=("square: it takes 2 ms, \x1b[2J not 1",), latencies={})


@contextmanager
def going_on(folder: Path) -> Iterator[Session]:
    session = go_on(folder, read_settings(folder / SETTINGS))
    with session.journal:
        yield session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return quick_run(tmp_path / "runs" / "run")


def noted(folder: Path, opinion: SecondOpinion) -> None:
    with Journal(folder / JOURNAL) as journal:
        journal.append(opinion)


def status(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    capsys.readouterr()
    assert run(["status", str(folder), *more]) == 0
    return capsys.readouterr().out


def test_the_search_does_not_see_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = json.loads(status(folder, capsys, "--json"))
    assert before["second_opinion"] is None
    noted(folder, AGREES)
    after = json.loads(status(folder, capsys, "--json"))
    assert after["second_opinion"] == {
        "number": 3, "agrees": True, "against": [], "latencies": {"square": 0.5}
    }  # fmt: skip
    for same in ("stopped", "evaluations", "lineage_digest", "best"):
        assert after[same] == before[same]
    with going_on(folder) as session:
        assert session.engine.told == before["evaluations"]


def test_a_disagreement_is_told_in_terminal_status_and_report(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted(folder, AGREES)
    assert (
        "second opinion: candidate 3, run directly, is right and takes square 0.5000 ms by its own word"
        in (status(folder, capsys))
    )
    noted(folder, DISAGREES)
    shown = status(folder, capsys)
    assert "second opinion: candidate 3 disagrees with its evaluation: square: it takes 2 ms, " in shown
    assert "\x1b" not in shown
    assert "disagrees with its evaluation: square: it takes 2 ms" in report(folder)


def test_mlflow_is_told_when_the_run_is_synced(folder: Path, tmp_path: Path) -> None:
    noted(folder, DISAGREES)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert run(["sync", str(folder), "--uri", uri]) == 0
    client = MlflowClient(uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    tags = [each.data.tags for each in client.search_runs(experiments)]
    assert any("disagrees" in each.get("second_opinion", "") for each in tags)


def test_the_winner_is_run_directly_once(tmp_path: Path) -> None:
    """The run's kernels are real, its latencies are not: what is timed here takes other times."""
    folder = quick_run(tmp_path / "run", SMALL.replace("budget.evaluations = 9", "budget.evaluations = 1"))
    device = msgspec.structs.replace(device_for("gfx942"), last_level_bytes=1 << 10)
    seeking = Seeking(
        place="cpu", device=device, settings=JudgeSettings(opinion_seconds=20.0), secret=b"secret",
        environment={"TRITON_INTERPRET": "1"},
    )  # fmt: skip

    async def sought(session: Session) -> None:
        async with open_rooms() as rooms:
            stages = Stages(rooms, "gfx942", StageLimits())
            for _ in range(2):
                await opine(session.engine, session.journal, seeking, stages)

    with going_on(folder) as session:
        elite = session.engine.elite
        assert elite is not None
        assert elite.evaluation.status is Status.PASSED
        asyncio.run(sought(session))
        told = session.journal.opinion()
        entries = [each for each in session.journal.entries() if isinstance(each.record, SecondOpinion)]
    assert told is not None
    assert (told.number, len(entries)) == (elite.number, 1)
    # At its real sizes the interpreter needs longer than there is.
    assert told.against == ("run directly, it fails: no answer after 20 s",)
