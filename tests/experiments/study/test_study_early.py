"""Early looks at real studies: a pilot before, and what is through when one is interrupted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.commanded import journalled
from tests.experiments.commanding import interrupt, kernevo, started
from tests.experiments.study.studying import tiny


@pytest.mark.thorough
def test_interrupted_it_shows_the_seeds_that_are_through(tmp_path: Path) -> None:
    out = tmp_path / "out"
    study = started("study", tiny(tmp_path, seeds=2), "--out", out, "--workers", "1", "--json")
    while journalled(out / "runs" / "1_x_4" / "flip-s1-r0") < 4:
        assert study.poll() is None, study.communicate()
        os.sched_yield()
    said, _ = interrupt(study)
    assert study.returncode == 130
    assert "1 task × 1 seed so far" in json.loads(said)["where"]
    assert "1 seed so far" in (out / "study.html").read_text()
    done = kernevo("study", tmp_path / "tiny.toml", "--out", out, "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert "1 task × 2 seeds · " in json.loads(done.stdout)["where"]


@pytest.mark.thorough
def test_a_pilot_tells_the_seeds_that_it_takes_and_measures_rates(tmp_path: Path) -> None:
    config, out = tiny(tmp_path, seeds=3, budget=16), tmp_path / "out"
    done = kernevo("study", config, "--out", out, "--workers", "1", "--pilot", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [each["mix"] for each in told["power"]] == ["2 x 8"]
    assert "evaluations of this study" in told["plan"]["origins"]["flip"]
    assert [path.name for path in out.iterdir()] == ["pilot"]
