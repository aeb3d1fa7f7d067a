"""`kernevo run --from`: runs that begin with what earlier runs found."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evo.journal import Journal
from evo.loop import Search
from experiments.cli import run
from experiments.run_folder import JOURNAL, SETTINGS, claim, new_run_folder
from experiments.session import begin, fresh_engine, go_on
from experiments.settings import parse_settings
from experiments.warm_start import named
from tests.experiments.commanding import SMALL, HashEvaluator, kill, quick_run, refused, started


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quick_run(tmp_path_factory.mktemp("earlier") / "earlier")


def warm(folder: Path, *sources: str | Path, config: str = SMALL) -> Path:
    """Search as `kernevo run --from` does, but for the rooms, and return the run folder."""
    change = f"warm_start={json.dumps([str(each) for each in sources])}"
    settings = parse_settings(config, "a test's settings", [change, "search.seed=12"])
    session = begin(new_run_folder(folder), settings, fresh_engine(settings))
    with session.journal as journal:
        assert asyncio.run(Search(session.engine, HashEvaluator(), journal).run(settings.to_toml()))
    return folder


def lineage(folder: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["lineage", str(folder), *arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert isinstance(told, dict)
    return told


def status(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["status", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert isinstance(told, dict)
    return told


def origins(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, int]]:
    everyone = lineage(folder, capsys, "--all")["candidates"]
    told = [each["origin"] for each in everyone]
    imported = [each is not None for each in told]
    assert imported == [each["proposal"]["operator"] == "imported" for each in everyone]
    return [(each["run"], each["number"]) for each in told if each]


def test_a_run_begins_with_the_survivors_of_another(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = warm(tmp_path / "run", earlier)
    best = status(earlier, capsys)["best"]["number"]
    taken = origins(folder, capsys)
    assert taken[0] == ("earlier", best)
    assert len(taken) == 3 == len(set(taken)), "no more than the population has places"
    assert status(folder, capsys)["evaluations"] == 9, "imports count"


def test_one_candidate_and_several_runs(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = warm(tmp_path / "run", f"{earlier}:4", f"{earlier}:0", f"{earlier}:4")
    assert origins(folder, capsys) == [("earlier", 4), ("earlier", 0)]
    again = warm(tmp_path / "again", f"{folder}:1", earlier)
    taken = origins(again, capsys)
    assert taken[0] == ("run", 1)
    assert {run for run, _ in taken[1:]} == {"earlier"}


def test_another_device_is_fine(earlier: Path, tmp_path: Path) -> None:
    settings = parse_settings(SMALL, "a test's", [f"warm_start=['{earlier}']", "fitness.target='sm_90'"])
    engine = fresh_engine(settings)
    assert engine.device == "model:sm_90"
    assert len(engine.imports) == 3


def test_it_goes_on_without_the_other_run(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shutil.copytree(earlier, tmp_path / "moved")
    folder = warm(tmp_path / "run", source)
    before = status(folder, capsys)
    shutil.rmtree(source)
    settings = parse_settings((folder / SETTINGS).read_text(), "a test's", ["search.budget.evaluations=12"])
    session = go_on(folder, settings)
    with session.journal as journal:
        assert asyncio.run(Search(session.engine, HashEvaluator(), journal).run("")) == "12 evaluations made"
    assert status(folder, capsys)["best"]["speedup"] >= before["best"]["speedup"]
    assert origins(folder, capsys)[0][0] == "moved"
    said = refused(["resume", folder, "--set", f"warm_start=['{earlier}']"], capsys)
    assert said.startswith("a run goes on with what it began with, but warm_start was")


@pytest.mark.parametrize("laid_out", [False, True])
def test_killed_before_it_was_inscribed_it_asks_the_other_run_again(
    laid_out: bool, earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = parse_settings(SMALL, "a test's", [f"warm_start=['{earlier}']"])
    claim(folder := new_run_folder(tmp_path / "run"), settings.to_toml())
    if laid_out:
        Journal.create(folder / JOURNAL).close()
    resumed = started("resume", folder)
    try:
        assert resumed.stderr is not None
        assert resumed.stderr.readline().startswith("start · gen 0 · 0/9 evaluated")
    finally:
        kill(resumed)
    settings = parse_settings((folder / SETTINGS).read_text(), "a test's")
    session = go_on(folder, settings)
    session.journal.close()
    assert len(session.engine.imports) == 3


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("{none}", "a run folder must be a folder, {none} is nothing"),
        ("{none}:3", "a run folder must be a folder, {none} is nothing"),
        ("{earlier}:9", "a candidate of {earlier} must be one of its 9, got 9"),
        ("{earlier}:" + "9" * 30, "a candidate of {earlier} must be one of its 9, got " + "9" * 30),
        ("{earlier}:x", "a run folder must be a folder, {earlier}:x is nothing"),
        ("{earlier}:-1", "a run folder must be a folder, {earlier}:-1 is nothing"),
        ("{earlier}:", "a run folder must be a folder, {earlier}: is nothing"),
        ("", "a run to begin with must be a run folder, got an empty name"),
    ],
)
def test_what_nothing_can_begin_with(
    source: str, rule: str, earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"earlier": earlier, "none": tmp_path / "none"}
    (tmp_path / "config.toml").write_text(SMALL)
    out = tmp_path / "run"
    arguments: list[str | Path] = [
        "run",
        tmp_path / "config.toml",
        "--out",
        out,
        "--from",
        source.format(**places),
    ]
    assert refused(arguments, capsys).startswith(rule.format(**places))
    assert not out.exists()


def test_a_run_of_another_entry_point_or_without_a_generation(
    earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(SMALL)
    arguments: list[str | Path] = ["run", config, "--out", tmp_path / "run", "--from", earlier]
    said = refused([*arguments, "--set", "task=softmax"], capsys)
    assert said.startswith(
        "a kernel to begin with must be one of task softmax, that of run earlier, candidate"
    )
    new = parse_settings(SMALL, "a test's")
    begin(new_run_folder(tmp_path / "new"), new, fresh_engine(new)).journal.close()
    said = refused([*arguments[:-1], tmp_path / "new"], capsys)
    assert said.startswith("a run can be read once a session has begun, none has") or "none yet" in said
    said = refused([*arguments, "--out", earlier], capsys)
    assert said.startswith("a new run needs an empty folder"), "nor is a run begun with itself in its place"


def test_a_folder_whose_name_ends_like_a_candidate(tmp_path: Path) -> None:
    (tmp_path / "run:3").mkdir()
    assert named(f"{tmp_path}/run:3") == (tmp_path / "run:3", None)
    assert named(f"{tmp_path}/run:3:4") == (tmp_path / "run:3", 4)
    assert named("runs/a:٣") == (Path("runs/a:٣"), None), "other digits are a name's"
