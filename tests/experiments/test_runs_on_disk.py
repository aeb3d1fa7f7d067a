"""Commands on run folders: whole ones, broken ones, ones in use, and ones that are gone on with."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evo.journal import Journal
from experiments.cli import run
from experiments.run_folder import BEST, JOURNAL, SETTINGS
from tests.experiments.commanding import SMALL, kill, quick_run, refused, started

READERS = (["status"], ["best"], ["lineage"], ["sync", "--uri", "http://127.0.0.1:9"], ["resume"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return quick_run(tmp_path / "run")


def shown(arguments: list[str | Path], capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run([str(each) for each in arguments]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


def as_json(arguments: list[str | Path], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    read = json.loads(shown([*arguments, "--json"], capsys))
    assert isinstance(read, dict)
    return read


@pytest.mark.parametrize("command", READERS, ids=lambda each: each[0])
def test_what_is_no_run_folder(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    assert refused([*command, tmp_path / "none"], capsys).endswith("none is nothing")
    assert refused([*command, tmp_path / "file"], capsys).endswith("file is a file")
    assert "empty is not a run folder: " in refused([*command, tmp_path / "empty"], capsys)


@pytest.mark.parametrize("command", READERS, ids=lambda each: each[0])
@pytest.mark.parametrize("content", [b"no journal" * 400, b""], ids=["garbage", "nothing"])
def test_a_journal_that_is_garbage(
    command: list[str], content: bytes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == ["resume"] and not content:
        pytest.skip("a run that was killed before its journal was laid out can be resumed")
    (folder / JOURNAL).write_bytes(content)
    assert JOURNAL in refused([*command, folder], capsys)


@pytest.mark.parametrize("command", READERS, ids=lambda each: each[0])
def test_a_truncated_journal(command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (folder / JOURNAL).open("r+b") as file:
        file.truncate(9000)
    assert "a journal must be whole" in refused([*command, folder], capsys)


@pytest.mark.parametrize("command", READERS, ids=lambda each: each[0])
def test_a_journal_of_a_newer_version(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(sqlite3.connect(folder / JOURNAL)) as db, db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    assert "journals must be of version 1, got 99" in refused([*command, folder], capsys)


def test_a_run_without_its_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / SETTINGS).unlink()
    for command in ("resume", "sync"):
        assert refused([command, folder], capsys).endswith(f"{SETTINGS} is missing")
    assert as_json(["status", folder], capsys)["evaluations"] == 9, "reading needs the journal only"


def test_a_run_in_use_can_be_read_and_not_resumed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Journal(folder / JOURNAL):
        for command in READERS[-2:]:
            said = refused([*command, folder], capsys)
            assert said.startswith(f"one process at a time works on a run, process {os.getpid()} does")
        assert as_json(["status", folder], capsys)["evaluations"] == 9


def test_two_processes_do_not_search_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").write_text(SMALL)
    first = started("run", tmp_path / "config.toml", "--out", tmp_path / "run")
    try:
        assert first.stderr is not None
        assert first.stderr.readline().startswith("start · gen 0 · 0/9 evaluated")
        assert "one process at a time" in refused(["resume", tmp_path / "run"], capsys)
        assert "use `kernevo resume" in refused(
            ["run", tmp_path / "config.toml", "--out", tmp_path / "run"], capsys
        )
        assert as_json(["status", tmp_path / "run"], capsys)["stopped"] is None
    finally:
        kill(first)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("search.seed=12", "seed was 11, got 12"),
        ("search.population=8", "population was 3, got 8"),
        ("search.offspring=8", "offspring was 4, got 8"),
        ("fitness.target=sm_90", "device was 'model:gfx942', got 'model:sm_90'"),
        ("operators.weights.tiles=0", "operators.weights was"),
        ("operators.weights.tiles=3", "operators.weights was"),
        ("task=softmax", "task was 'flip', got 'softmax'"),
        ("search.populaton=8", "did you mean search.population?"),
    ],
)
def test_a_run_goes_on_with_what_it_began_with(
    change: str, rule: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / SETTINGS).read_text()
    assert rule in refused(["resume", folder, "--set", change], capsys)
    assert (folder / SETTINGS).read_text() == before


def test_settings_changed_by_hand_are_refused_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / SETTINGS
    path.write_text(path.read_text().replace("one_pass = 1.0", "one_pass = 9.0"))
    assert "operators.weights was" in refused(["resume", folder], capsys)


@pytest.mark.parametrize("number", [9, 1000, 10**30])
def test_candidates_that_do_not_exist(number: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(["lineage", folder, str(number)], capsys)
    assert said == f"a candidate must be one of this run's 9, got {number}"


def test_what_a_run_holds_is_reported_under_its_own_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = as_json(["status", folder], capsys)
    assert status["stopped"] == "9 evaluations made"
    assert (status["task"], status["device"], status["source"]) == ("flip", "model:gfx942", "modelled")
    assert sum(status["statuses"].values()) == status["evaluations"] == 9
    best = as_json(["best", folder], capsys)
    assert best["source_text"] == (folder / BEST).read_text() == shown(["best", folder], capsys)
    assert {**best, "source_text": None} == {**status["best"], "source_text": None}
    of_proposal = {
        "number",
        "operator",
        "parents",
        "generation",
        "key",
        "island",
        "attempt",
        "turn",
        "first_key",
    }
    assert set(best["proposal"]) == of_proposal
    assert {"status", "stage", "source", "device", "measurements"} <= set(best["evaluation"])


def test_lines_of_descent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everyone = as_json(["lineage", folder, "--all"], capsys)["candidates"]
    parents = {each["number"]: each["proposal"]["parents"] for each in everyone}
    assert sorted(parents) == list(range(9))
    for number in parents:
        line = as_json(["lineage", folder, str(number)], capsys)["candidates"]
        numbers = [each["number"] for each in line]
        assert (numbers[0], numbers[-1]) == (0, number)
        assert all(before in parents[after] for before, after in itertools.pairwise(numbers))
        above = as_json(["lineage", folder, str(number), "--ancestors"], capsys)["candidates"]
        assert set(numbers[:-1]) <= {each["number"] for each in above}
    below = as_json(["lineage", folder, "0", "--descendants"], capsys)["candidates"]
    assert [each["number"] for each in below] == list(range(1, 9))


def test_a_run_killed_before_its_journal_was_laid_out_can_be_resumed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The moments between making a run folder and its first record are moments too."""
    for leave in (lambda: None, (folder / JOURNAL).touch, lambda: _write_ahead_only(folder / JOURNAL)):
        for path in folder.iterdir():
            if path.name != SETTINGS:
                path.unlink()
        leave()
        assert "is missing" in (said := refused(["status", folder], capsys)) or JOURNAL in said
        resumed = started("resume", folder)
        try:
            assert resumed.stderr is not None
            assert resumed.stderr.readline().startswith("start · gen 0 · 0/9 evaluated")
        finally:
            kill(resumed)
        assert as_json(["status", folder], capsys)["evaluations"] == 0


def _write_ahead_only(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
