"""Pages of odd runs, of several runs, and the command that writes them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from evo.budget import Budget
from evo.candidate import Kernel
from evo.evaluation import Status
from evo.journal import Journal
from experiments.cli import run as command
from experiments.report import wording
from experiments.report.writing import comparison, report, write_report
from experiments.run_folder import JOURNAL
from tests.experiments.commanding import one_line, refused
from tests.experiments.report.told import begun, data_of, new_run, small_run, unpacked
from tests.standins import (
    SyntheticOperator,
    kernel_of,
    search_settings,
    synthetic_engine,
    synthetic_task,
)

ROOT = Path(__file__).parents[3]


class Breaking(SyntheticOperator):
    """Makes kernels that end in one way."""

    async def propose(self, proposal, parents, task):
        made = await super().propose(proposal, parents, task)
        return type(made)(Kernel(kernel_of(proposal.number, status=Status.WRONG).source), "broken")


def story_of(page: str) -> str:
    [story] = re.findall(r'<p class="story">(.*?)</p>', page)
    return re.sub("<[^>]+>", "", story)


def test_a_run_of_the_seed_alone(tmp_path):
    page = report(small_run(tmp_path / "run", 1))
    assert story_of(page).startswith("Only the seed kernel has been evaluated yet: synthetic on synthetic.")
    assert unpacked(data_of(page)["graph"])["number"] == [0]
    assert "seed kernel" in page


def test_a_run_in_which_nothing_but_the_seed_passed(tmp_path):
    operators = {"break": Breaking("break", faults=0)}
    page = report(small_run(tmp_path / "run", operators=operators, redraws=0))
    assert "no kernel was found that is faster than the seed of synthetic" in story_of(page)
    assert "1 passed and 22 failed, most often as wrong (22, at check)" in story_of(page)
    assert "by the cost model: nothing here was measured" in story_of(page)


def test_a_run_that_has_evaluated_nothing(tmp_path):
    folder = begun(tmp_path / "run", synthetic_engine())
    with Journal(folder / JOURNAL) as journal:
        journal.open_session("")
    page = report(folder)
    assert story_of(page).startswith("Nothing has been evaluated yet")
    assert data_of(page)["winner"] is None


def test_a_run_whose_seed_fails(tmp_path):
    engine = synthetic_engine(task=synthetic_task("# status: WRONG\n"))
    folder = tmp_path / "run"
    with pytest.raises(Exception, match="seed"):
        new_run(folder, engine)
    assert story_of(report(folder)).startswith("None of 1 candidate has passed yet")


def test_every_modelled_figure_says_so(tmp_path):
    page = report(small_run(tmp_path / "run"))
    assert "the seed’s speed, modelled" in page
    assert "Latencies are modelled: they come from a cost model, and have no interval" in page
    assert "measured (99%" not in page


def test_names_in_all_writings(tmp_path):
    folder = small_run(tmp_path / "прогон 試験 🙂")
    assert "прогон 試験 🙂" in write_report(folder).read_text(encoding="utf-8")


def test_a_checkout_that_is_not_installed_writes_reports_too(tmp_path, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("fitness.packages.version", missing)
    assert "kernevo not installed" in report(small_run(tmp_path / "run"))


def test_runs_side_by_side(tmp_path):
    folders = [small_run(tmp_path / f"run-{seed}", 23 + seed, seed=seed) for seed in (1, 2)]
    page = comparison(folders)
    assert [each["name"] for each in data_of(page)["curves"]] == ["run-1", "run-2"]
    assert "All figures are modelled" in page
    assert all(f"<td>{23 + seed}</td>" in page for seed in (1, 2))
    other = synthetic_engine(
        search_settings(budget=Budget(evaluations=5)), task=synthetic_task("# value: 3\n")
    )
    mixed = comparison([*folders, new_run(tmp_path / "other", other)])
    assert "These runs are of different tasks" in mixed


def test_the_command_writes_into_the_run_folder(tmp_path, capsys):
    folder = small_run(tmp_path / "run")
    assert command(["report", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"{folder}/report.html, 0.")
    assert command(["report", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"report": f"{folder}/report.html", "bytes": (folder / "report.html").stat().st_size}
    assert command(["report", str(folder), str(folder), "--out", str(tmp_path / "both.html")]) == 0
    assert (tmp_path / "both.html").exists()
    assert command(["report", str(folder), str(folder)]) == 0
    assert (tmp_path / "comparison.html").exists()
    beside = {path.name for path in folder.iterdir() if not path.name.startswith(JOURNAL)}
    assert beside == {"report.html"}


def test_two_at_once_leave_one_whole_report(tmp_path):
    folder = small_run(tmp_path / "run")
    code = "import sys; from pathlib import Path; from experiments.report.writing import write_report as w; "
    code += "[w(Path(sys.argv[1])) for _ in range(12)]"
    both = [subprocess.Popen([sys.executable, "-c", code, str(folder)], cwd=ROOT) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    assert (folder / "report.html").read_text() == report(folder)
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_wrong_use_is_one_line(tmp_path, capsys):
    folder = small_run(tmp_path / "run", 1)
    (tmp_path / "empty").mkdir()
    for arguments, why in {
        ("report",): "Missing argument 'RUN...'",
        ("report", tmp_path / "nowhere"): "must be a folder",
        ("report", folder, tmp_path / "empty"): "is not a run folder: run.sqlite is missing",
        ("report", folder, "--out", tmp_path): "--out must be a file in a folder that is there",
        ("report", folder, "--out", tmp_path / "a" / "b"): "--out must be a file in a folder that is there",
    }.items():
        assert why in refused(arguments, capsys)
    (folder / JOURNAL).write_bytes(b"garbage" * 1000)
    assert "a journal must be whole" in refused(("report", folder), capsys)
    assert not (folder / "report.html").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path, capsys):
    folder = small_run(tmp_path / "run", 1)
    folder.chmod(0o500)
    capsys.readouterr()
    assert command(["report", str(folder)]) == 1
    assert "cannot be written" in one_line(capsys.readouterr().err)


FIGURES = {
    wording.times: {2.0912: "2.09×", 1234.5: "1,234×", 0.0004: "0.0004×", 1e9: "1e+09×"},
    wording.duration: {0: "0.0 s", 59.6: "1 min", 192: "3 min 12 s", 3600: "1 h", 93784: "1 d 2 h"},
    wording.milliseconds: {0.13217: "0.1322", 123.456: "123.5", 0.00012341: "0.0001234"},
    wording.dollars: {0: "$0.00", 0.42: "$0.42", 0.00123: "$0.00123"},
}


@pytest.mark.parametrize("words", FIGURES, ids=lambda each: each.__name__)
def test_figures_in_words(words):
    assert {figure: words(figure) for figure in FIGURES[words]} == FIGURES[words]


def test_nouns_go_with_their_numbers():
    assert (wording.count(1, "step"), wording.count(5000, "step")) == ("1 step", "5,000 steps")
