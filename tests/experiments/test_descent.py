"""Lines of descent: how much each step changed, and on through the runs that a line came from."""

from __future__ import annotations

import difflib
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.imports import identity_of
from evo.journal import JournalReader
from experiments.cli import run
from experiments.descent import diff_size
from experiments.run_folder import JOURNAL, SETTINGS
from tests.experiments.commanding import quick_run
from tests.experiments.test_warm_start import warm

LINES = st.lists(st.sampled_from(["", "a = 1", "b = 2", "return a"]), max_size=12).map("\n".join)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs in one folder: `second` begins with a candidate of `first`, `third` with one of `second`."""
    folder = tmp_path_factory.mktemp("runs")
    quick_run(folder / "first")
    warm(folder / "second", f"{folder}/first:5")
    warm(folder / "third", f"{folder}/second:1")
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["lineage", *map(str, arguments), "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert isinstance(read, dict)
    return read


def shown(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert run(["lineage", *map(str, arguments)]) == 0
    return capsys.readouterr().out


@settings(max_examples=200, deadline=None)
@given(before=LINES, after=LINES)
def test_a_diff_s_size_is_what_a_diff_shows(before: str, after: str) -> None:
    size = diff_size(before, after)
    diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]
    assert size.added == sum(line.startswith("+") for line in diff)
    assert size.removed == sum(line.startswith("-") for line in diff)
    assert len(before.splitlines()) + size.added - size.removed == len(after.splitlines())
    assert (str(size) == "+0 -0") == (before.splitlines() == after.splitlines())


def test_each_step_tells_how_many_lines_it_changed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = told(capsys, runs / "first")["candidates"]
    assert len(line) > 1
    assert line[0]["diff"] is None
    with JournalReader(runs / "first" / JOURNAL) as journal:
        for before, after in itertools.pairwise(line):
            sources = [journal.kernel(each["kernel"]).source for each in (before, after)]
            size = diff_size(*sources)
            assert after["diff"] == {"added": size.added, "removed": size.removed}
            assert size.added + size.removed > 0
            assert f" {size} " in shown(capsys, runs / "first")


def test_a_line_is_told_through_all_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = told(capsys, runs / "third", "1")
    assert [each["run"] for each in line["earlier"]] == ["first", "second"]
    first, second = (each["candidates"] for each in line["earlier"])
    assert first == told(capsys, runs / "first", "5")["candidates"]
    assert [each["number"] for each in second] == [1]
    assert [each["number"] for each in line["candidates"]] == [1]
    assert first[-1]["kernel"] == second[0]["kernel"] == line["candidates"][0]["kernel"]
    for folder, place in (("first", second), ("second", line["candidates"])):
        with JournalReader(runs / folder / JOURNAL) as journal:
            assert place[0]["origin"] == {
                "run": folder, "identity": identity_of(journal), "number": {"first": 5, "second": 1}[folder],
            }  # fmt: skip
    out = shown(capsys, runs / "third", "1")
    order = [
        out.index(f"run {name}: flip on model:gfx942 (modelled)") for name in ("first", "second", "third")
    ]
    assert order == sorted(order)
    assert "by run second, candidate 1: " in out
    assert "not told here" not in out


def test_a_run_that_is_not_there_is_named(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs / "third", tmp_path / "third")
    settings = tmp_path / "third" / SETTINGS
    settings.write_text(settings.read_text().replace(str(runs), str(tmp_path)))
    line = told(capsys, tmp_path / "third", "1")
    assert line["earlier"] == []
    assert line["candidates"][0]["origin"]["run"] == "second"
    assert "run second, candidate 1 is not told here" in shown(capsys, tmp_path / "third", "1")
    quick_run(tmp_path / "second")
    assert told(capsys, tmp_path / "third", "1")["earlier"] == [], "another run of that name is not that run"
    shutil.rmtree(tmp_path / "second")
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / JOURNAL).write_text("no journal")
    assert told(capsys, tmp_path / "third", "1")["earlier"] == []
    shutil.rmtree(tmp_path / "second")
    shutil.copytree(runs / "second", tmp_path / "second")
    earlier = told(capsys, tmp_path / "third", "1")["earlier"]
    assert [each["run"] for each in earlier] == ["first", "second"], "beside it, then where it was begun from"


def test_what_is_no_line_is_told_too(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "earlier" not in told(capsys, runs / "third", "--all")
    assert "earlier" not in told(capsys, runs / "third", "--descendants", "1")
    assert told(capsys, runs / "third", "0")["earlier"] == []
    assert "from run second, candidate 1" in shown(capsys, runs / "third", "--all")
