"""`kernevo study` on runs that were searched without rooms: plans, given runs, paper, MLflow."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from evo.errors import UsageError
from evo.journal import JournalReader
from experiments.cli import run
from experiments.run_folder import JOURNAL
from experiments.study.grid import cells_of
from experiments.study.journals import unpack
from experiments.study.measuring import VARYING
from experiments.study.rates import rates_of
from experiments.study.settings import read_study
from experiments.study.simulating import past_runs, simulated
from experiments.study.trace import trace_of
from tests.experiments.commanding import SMALL, quick_run, refused
from tests.experiments.study.studying import searched_without_rooms, tiny


def reported(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    """Give a command with `--json` within this process, and return what it reports."""
    capsys.readouterr()
    assert run([*map(str, arguments), "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert isinstance(read, dict)
    return read


def tables(results: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in (results / "data").glob("*.csv") if path.stem not in VARYING
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a config and the folder of its study, all runs of which have ended."""
    folder = tmp_path_factory.mktemp("study")
    config = tiny(folder, seeds=2, budget=8, more="[tracking]\nenabled = true\n")
    return config, searched_without_rooms(config, folder / "out")


def test_a_plan_spends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = reported(capsys, "study", tiny(tmp_path, seeds=3, budget=8), "--plan", "--workers", "2")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]
    mixes = {mix["mix"]: mix for mix in plan["mixes"]}
    assert (mixes["1 x 8"]["runs"], mixes["2 x 4"]["runs"]) == (3, 6)
    assert mixes["1 x 8"]["cost"]["evaluations"] == 3 * (8 + 1)
    assert mixes["2 x 4"]["cost"]["evaluations"] == 6 * (4 + 1)
    assert plan["cost"]["llm_calls"] == plan["cost"]["dollars"] == plan["cost"]["gpu_seconds"] == 0
    one = reported(capsys, "study", tiny(tmp_path, seeds=3, budget=8), "--plan", "--workers", "1")
    assert plan["seconds"] < one["seconds"] == pytest.approx(one["cost"]["seconds"])


def test_rates_are_of_runs_that_are_there_and_leave_the_cache_out(study: tuple[Path, Path]) -> None:
    config, folder = study
    cells = cells_of(read_study(config))
    rates = rates_of(folder, cells, asks_models=False, has_gpu=False)
    runs = {run.path: len(trace_of(JournalReader(folder / run.path / JOURNAL)).steps) for cell in cells
            for run in cell.runs}  # fmt: skip
    assert rates["flip"].origin == f"{sum(runs.values())} evaluations of this study"
    assert rates["flip"].gpu_seconds == rates["flip"].dollars == 0.0


def test_it_is_measured_packed_and_shown_in_mlflow_once(
    study: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from experiments.tracking_store import PARENT, Store

    config, folder = study
    told = reported(capsys, "study", config, "--out", folder)
    assert [row["runs"] for row in told["mixes"]] == [1, 2]
    first = tables(folder / "results")
    reported(capsys, "study", config, "--out", folder)
    assert tables(folder / "results") == first
    store = Store(f"sqlite:///{folder.parent / 'mlflow.db'}")
    [parent] = [found for found in store.named("tiny") if PARENT not in found.tags]
    nested = store.nested(parent)
    assert len(nested) == 6
    assert {run.status for run in [parent, *nested]} == {"FINISHED"}
    points = store.points(nested[0], ("study/",))
    assert sorted(point.step for point in points) == list(range(len(points)))
    assert "study.html" in store.sizes(parent.id, ("",))
    archive = folder / "results" / "journals.tar.xz"
    with tarfile.open(archive) as tar:
        assert len(tar.getnames()) == 2 * 6
    for own in unpack(archive, tmp_path):
        path = own.relative_to(tmp_path)
        with JournalReader(own / JOURNAL) as slim, JournalReader(folder / path / JOURNAL) as whole:
            assert trace_of(slim) == trace_of(whole)


def test_an_archive_stays_in_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "journals.tar.xz"
    for name, kind in (("../run.sqlite", tarfile.REGTYPE), ("run.sqlite", tarfile.SYMTYPE)):
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        with tarfile.open(archive, "w:xz") as tar:
            tar.addfile(member)
        with pytest.raises(UsageError, match=f"plain files below its folder, got '{name}'"):
            list(unpack(archive, tmp_path / "inside"))
    archive.write_text("no archive")
    with pytest.raises(UsageError, match="must be an archive of journals"):
        list(unpack(archive, tmp_path / "inside"))


def test_on_paper_it_is_the_same_whatever_the_workers(study: tuple[Path, Path], tmp_path: Path) -> None:
    _, folder = study
    settings = read_study(tiny(tmp_path, seeds=2, budget=32))
    cells, past = cells_of(settings), past_runs((str(folder),), tmp_path)
    assert len(past) == 4  # two seeds of two runs; the first of each mix's are one run, seen for longer
    found = simulated(cells, past, settings.budget, workers=1)
    assert found == simulated(cells, past, settings.budget, workers=2)
    assert {len(cell.candidates) for cell in found.cells} == {32}


def test_by_default_landscapes_are_fitted_to_committed_runs_on_the_device_of_the_study(
    tmp_path: Path,
) -> None:
    devices = {run.trace.device for run in past_runs((), tmp_path)}
    assert len(devices) >= 2
    for device in devices:
        assert {run.trace.device for run in past_runs((), tmp_path, device)} == {device}


def test_on_paper_nothing_is_evaluated_and_it_says_so(
    study: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = study
    source = ("--set", f'recorded=["{folder}"]')
    told = reported(
        capsys, "study", tiny(tmp_path, budget=32), "--simulate", "--out", tmp_path / "out", *source
    )
    assert "simulated after runs modelled on model:gfx942" in told["where"]
    assert "predictions.csv" in tables(tmp_path / "out" / "simulated")
    assert not (tmp_path / "out" / "runs").exists()


def test_on_paper_nothing_is_made_up_for_a_task_that_was_never_run(
    study: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = study
    said = refused(
        ["study", tiny(tmp_path), "--simulate", "--out", tmp_path / "out", "--set", 'tasks=["softmax"]',
         "--set", f'recorded=["{folder}"]'], capsys,
    )  # fmt: skip
    assert said == "no run of task softmax was recorded to fit a landscape to, only of: flip"


def test_given_runs_are_compared_without_a_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "[budget]\namount = 8\n"
    for mix in ("small", "large"):
        folders = []
        for seed in (1, 2):
            settings = SMALL.replace("seed = 11", f"seed = {seed}").replace(
                "population = 3", f"population = {3 if mix == 'small' else 8}"
            )
            folders.append(str(quick_run(tmp_path / f"{mix}{seed}", settings)))
        text += f'[[mixes]]\nname = "{mix}"\nfolders = {json.dumps(folders)}\n'
    config = tmp_path / "given.toml"
    config.write_text(text)
    told = reported(capsys, "study", config, "--out", tmp_path / "out")
    assert [row["mix"] for row in told["mixes"]] == ["small", "large"]
    assert told["pairs"][0]["pairs"] == 2
    (tmp_path / "small1" / JOURNAL).unlink()
    said = refused(["study", config, "--out", tmp_path / "out"], capsys)
    assert f"{JOURNAL} is missing" in said


def test_a_study_goes_on_with_what_it_began_with(
    study: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = study
    said = refused(["study", tiny(tmp_path, budget=16), "--out", folder], capsys)
    assert said.startswith("a study goes on with what it began with, but budget was 8 evaluations, got 16")


def test_an_outage_of_mlflow_costs_no_study(
    study: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, folder = study
    store = ("--set", "tracking.uri=sqlite:////proc/nowhere/mlflow.db")
    assert run(["study", str(config), "--out", str(folder), *store]) == 0
    said = capsys.readouterr()
    assert "study.html: open it in a browser" in said.out
    assert "MLflow was not told of all of it: the tracking store" in said.err
