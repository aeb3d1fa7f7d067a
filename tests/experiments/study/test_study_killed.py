"""A real study, killed in the middle and begun again, comes to the same as one that nothing disturbed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from experiments.study.folder import claim_study
from experiments.study.measuring import VARYING
from experiments.study.settings import read_study
from tests.commanded import Left, journalled
from tests.experiments.commanding import kernevo, started
from tests.experiments.study.studying import tiny


def tables(results: Path) -> dict[str, bytes]:
    """Return the tables that may not differ, as they were written."""
    return {
        path.name: path.read_bytes() for path in (results / "data").glob("*.csv") if path.stem not in VARYING
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = kernevo("study", tiny(folder, seeds=1), "--out", folder / "out", "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [row["mix"] for row in told["mixes"]] == ["1 x 4", "2 x 2"]
    assert "modelled" in told["where"]
    return folder / "out"


def test_it_leaves_tables_figures_page_and_journals(undisturbed: Path) -> None:
    results = undisturbed / "results"
    figures = {path.name for path in (results / "figures").iterdir()}
    assert {"speedup.svg", "speedup.png", "accuracy.svg", "frontier.png", "parallel.svg"} <= figures
    assert {path.stem for path in (results / "data").glob("*.csv")} == {
        path.stem for path in (results / "data").glob("*.parquet")
    }
    page = (undisturbed / "study.html").read_text()
    assert "Wide or deep?" in page
    assert "http://www.w3.org/2000/svg" in page
    assert (results / "journals.tar.xz").stat().st_size > 0


@pytest.mark.timeout(400)
def test_killed_in_the_middle_it_comes_to_the_same(undisturbed: Path, tmp_path: Path) -> None:
    command = ("study", tiny(tmp_path, seeds=1), "--out", tmp_path / "out", "--workers", "1")
    study = started(*command)
    run = tmp_path / "out" / "runs" / "1_x_4" / "flip-s0-r0"
    while journalled(run) < 5:  # a candidate or two
        assert study.poll() is None, study.communicate()
        os.sched_yield()
    left = Left(study.pid)
    os.killpg(study.pid, signal.SIGKILL)
    study.communicate()
    left.wait_until_gone()
    assert not (tmp_path / "out" / "results").exists()
    done = kernevo(*command)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "out" / "results") == tables(undisturbed / "results")


def test_a_worker_that_fails_ends_the_study(tmp_path: Path) -> None:
    config = tiny(tmp_path, seeds=1)
    command = ("study", config, "--out", tmp_path / "out", "--workers", "2")
    claim_study(tmp_path / "out", read_study(config))
    run = tmp_path / "out" / "runs" / "2_x_2" / "flip-s0-r1"
    run.parent.mkdir(parents=True)
    run.write_text("a file where a run's folder should be")
    done = kernevo(*command)
    assert done.returncode == 1, done.stderr
    assert "a worker must live until its runs have ended" in done.stderr
    run.unlink()
    assert kernevo(*command).returncode == 0
