"""What cannot be compared is refused in one line before anything is spent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiments.commanding import SMALL, quick_run, refused

BASE = """
tasks = ["flip"]
seeds = 2
[budget]
amount = 12
"""
MIX = '[[mixes]]\nname = "plain"\n'
REFUSED = {
    "empty": (BASE, "a study needs mixes or axes, tasks and seeds, got 0 mixes"),
    "no tasks": (BASE.replace('["flip"]', "[]") + MIX, "0 tasks"),
    "no seeds": (BASE.replace("= 2", "= 0") + MIX, "0 seeds"),
    "uneven": (BASE + MIX + "runs = 5", "mix 'plain': 12 evaluations cannot be shared evenly by 5 runs"),
    "idle islands": (
        BASE + MIX + "runs = 4\nsettings.search.islands = 4",
        "search.islands must be at most the 3 evaluations of a run, got 4",
    ),
    "islands over population": (
        BASE + MIX + "settings.search.islands = 4\nsettings.search.population = 2",
        "search.islands must be at most search.population (2), got 4",
    ),
    "own budget": (
        BASE + MIX + "settings.search.budget.evaluations = 3",
        "search.budget is the study's to set",
    ),
    "own seed": (BASE + MIX + "settings.search.seed = 3", "search.seed is the study's to set"),
    "unknown key": (BASE + MIX + "run = 2", "unknown setting mixes[0].run; did you mean mixes[0].runs?"),
    "unknown setting": (
        BASE + MIX + "settings.search.ofspring = 2",
        "unknown setting search.ofspring; did you mean search.offspring?",
    ),
    "unknown baseline": (
        BASE.replace("seeds", 'baseline = "plane"\nseeds') + MIX,
        "baseline must be a mix, got 'plane'; did you mean 'plain'?",
    ),
    "unknown currency": (BASE.replace("amount", 'currency = "euros"\namount') + MIX, "euros"),
    "two of a name": (BASE + MIX + MIX, "names of mixes must differ, got 'plain' twice"),
    "two devices": (
        BASE + MIX + '[[mixes]]\nname = "other"\nsettings.fitness.target = "sm_90"',
        "a study compares runs on one device from one source, got model:gfx942 (modelled), model:sm_90",
    ),
    "missing run": (BASE + '[[mixes]]\nname = "old"\nfolders = ["nowhere"]', "nowhere is nothing"),
    "no model": (
        BASE.replace("amount", 'currency = "tokens"\namount') + MIX,
        "a budget of tokens needs models to spend it on, mix 'plain' has none",
    ),
    "no GPU": (
        BASE.replace("amount", 'currency = "gpu_seconds"\namount') + MIX,
        "a budget of GPU seconds needs a GPU that measures, model:gfx942 is a model",
    ),
    "empty axis": (BASE + MIX + "[axes]\nruns = []", "axes.runs must have values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, reason = REFUSED[name]
    config = tmp_path / "study.toml"
    config.write_text(text)
    for way in ((), ("--plan",), ("--pilot",)):
        said = refused(["study", config, "--out", tmp_path / "out", *way], capsys)
        assert reason in said
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "study.toml"
    config.write_text(BASE + MIX)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    assert "needs an empty folder" in refused(["study", config, "--out", tmp_path / "out"], capsys)


def test_given_runs_must_be_of_the_same_tasks_and_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "study.toml"
    given = quick_run(tmp_path / "given")
    config.write_text(BASE + MIX + f'[[mixes]]\nname = "old"\nfolders = ["{given}"]')
    said = refused(["study", config, "--out", tmp_path / "out"], capsys)
    assert "'plain' has no run of task flip with seed 11" in said


def test_given_runs_of_other_seeds_are_missing_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [quick_run(tmp_path / str(seed), SMALL.replace("seed = 11", f"seed = {seed}")) for seed in (1, 2)]
    config = tmp_path / "study.toml"
    config.write_text(
        "[budget]\namount = 8\n"
        + "".join(f'[[mixes]]\nname = "mix {n}"\nfolders = ["{run}"]\n' for n, run in enumerate(runs))
    )
    said = refused(["study", config, "--out", tmp_path / "out"], capsys)
    assert "'mix 0' has no run of task flip with seed 2" in said
