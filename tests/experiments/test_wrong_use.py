"""Wrong use: one line that states the rule and what was received, exit 2, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from experiments.reading import LARGEST
from experiments.suites.loader import task_names
from operators.settings import OperatorWeights
from tests.experiments.commanding import SMALL, kernevo, one_line, refused

CONFIG = "config.toml"
TASKS = ", ".join(task_names())
NO_OPERATOR = "{" + ", ".join(f"{name}=0" for name in OperatorWeights().by_name) + "}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder that holds a config."""
    (tmp_path / CONFIG).write_text(SMALL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


COMMAND_LINES = {
    (): "a command is needed, one of ask, best, doctor, ",
    ("serch",): "No such command 'serch'",
    ("run",): "Missing argument 'CONFIG'",
    ("run", CONFIG, "--sed", "1"): "No such option '--sed'",
    ("run", CONFIG, "more"): "Got unexpected extra argument (more)",
    ("run", CONFIG, "--seed", "soon"): "'soon' is not a valid integer",
    ("run", CONFIG, "--seed", "-1"): "-1 is not in the range",
    ("run", CONFIG, "--seed", str(2**64)): f"search.seed must be 0 to 2**64 - 1, got {2**64}",
    ("run", CONFIG, "--set", "search.seed"): "--set takes key=value, got 'search.seed'",
    ("run", CONFIG, "--set", "=3"): "--set takes key=value, got '=3'",
    ("run", CONFIG, "--set", "search..seed=3"): "--set takes key=value, got 'search..seed=3'",
    ("status",): "Missing argument 'RUN'",
    ("evaluate", CONFIG): "Missing option '--task'",
    ("lineage", "somewhere", "minus"): "'minus' is not a valid integer",
}


@pytest.mark.parametrize("arguments", COMMAND_LINES, ids=" ".join)
def test_command_lines_that_cannot_be(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    assert COMMAND_LINES[arguments] in refused(arguments, capsys)
    assert [path.name for path in here.iterdir()] == [CONFIG]


SETTINGS = {
    "serch.population=3": "unknown setting serch; did you mean search?",
    "search.populaton=3": "unknown setting search.populaton; did you mean search.population?",
    "search.budget.evaluation=3": "did you mean search.budget.evaluations?",
    "operators.weights.tile=2": "did you mean operators.weights.tiles?",
    "fitness.limits.memory=2": "did you mean fitness.limits.memory_mib?",
    "colour=2": "unknown setting colour; known are fitness, operators, search, task, tracking",
    "search.population=many": "search.population must be a whole number, got 'many'",
    "search.population=true": "search.population must be a whole number, got True",
    "search.population=[1": "search.population must be a whole number, got '[1'",
    "search.population=1\nx=2": "search.population must be a whole number, got '1\\nx=2'",
    "search.population=0": "search.population must be 1 to 100000, got 0",
    "search.offspring=1000000000000": "search.offspring must be 1 to 100000, got 1000000000000",
    "search.population.size=3": "'population' is not a table of settings",
    "search=3": "search must be a table of settings, got 3",
    "search.mode=serial": "Invalid enum value 'serial'",
    "search.budget.evaluations=-1": "search.budget.evaluations must be positive and finite, got -1",
    "search.budget.evaluations=0.5": "search.budget.evaluations must be a whole number, got 0.5",
    "search.budget.generations=0": "search.budget.generations must be positive and finite, got 0",
    "search.budget.tokns=5": "unknown setting search.budget.tokns; did you mean search.budget.tokens?",
    "search.budget.tokens=1.5": "search.budget.tokens must be a whole number, got 1.5",
    "search.budget.dollars=-0.5": "search.budget.dollars must be positive and finite, got -0.5",
    "search.budget.dollars=inf": "search.budget.dollars must be finite, got inf",
    "search.budget.stagnant_evaluation=5": "did you mean search.budget.stagnant_evaluations?",
    "search.budget.wall_seconds=nan": "search.budget.wall_seconds must be finite, got nan",
    "operators.weights.tiles=-1": "operators.weights.tiles must be finite and not negative, got -1.0",
    "operators.weights.tiles=inf": "operators.weights.tiles must be finite, got inf",
    f"operators.weights={NO_OPERATOR}": "must be positive, got 0 for all",
    "fitness.target=gfx900": "target must be one of gfx942, sm_90, got 'gfx900'",
    "fitness.limits.check_cpu_seconds=-1": "fitness.limits.check_cpu_seconds must be positive, got -1.0",
    "fitness.limits.check_cpu_seconds=inf": "fitness.limits.check_cpu_seconds must be finite, got inf",
    "tracking.enabled=1": "tracking.enabled must be true or false, got 1",
    "tracking.uri=somewhere": "tracking.uri must be a server or a database",
    "task=nap": f"task must be one of {TASKS} or a folder with a task.toml, got 'nap'",
    "task=3": "task must be text, got 3",
}


@pytest.mark.parametrize("change", SETTINGS)
def test_settings_that_cannot_be(change: str, capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert SETTINGS[change] in refused(["run", CONFIG, "--set", change], capsys)
    assert [path.name for path in here.iterdir()] == [CONFIG], "no run folder is left behind"


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"task = ", "is not TOML"),
        (b"task = 'flip'\ntask = 'flip'", "is not TOML"),
        (os.urandom(64) + b"\xff", "must be UTF-8 text"),
        (b"\x00\x01", "is not TOML"),
        (b"x = " + b"[" * 100_000, "is not TOML"),
        (b"#" * (LARGEST + 1), f"may have {LARGEST} bytes"),
        (b"", "must set task"),
        (b"task = 'flip'\n[search]\nofspring = 3", "did you mean search.offspring?"),
    ],
    ids=["torn", "twice", "binary", "nul", "deep", "huge", "empty", "unknown"],
)
def test_configs_that_cannot_be_read(
    content: bytes, rule: str, capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    (here / CONFIG).write_bytes(content)
    said = refused(["run", CONFIG], capsys)
    assert rule in said
    assert CONFIG in said or "unknown setting" in said


def test_configs_that_are_no_file(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "folder").mkdir()
    assert refused(["run", "folder"], capsys) == "config folder cannot be read: Is a directory"
    assert refused(["run", "nothing"], capsys) == "config nothing cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_configs_that_may_not_be_read(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / CONFIG).chmod(0)
    assert refused(["run", CONFIG], capsys) == f"config {CONFIG} cannot be read: Permission denied"


@pytest.mark.parametrize("out", ["full", CONFIG, f"{CONFIG}/run"])
def test_run_folders_that_cannot_be_made(out: str, capsys: pytest.CaptureFixture[str], here: Path) -> None:
    (here / "full").mkdir()
    (here / "full" / "mine").write_text("kept")
    said = refused(["run", CONFIG, "--out", out], capsys)
    assert out in said
    assert (here / "full" / "mine").read_text() == "kept"
    assert (here / CONFIG).read_text() == SMALL


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "kernel file kernel.py cannot be read: No such file or directory"),
        (b"\xff\xfe\x00", "kernel file kernel.py must be UTF-8 text, byte 0 is not"),
        (b"#" * (LARGEST + 1), f"kernel file kernel.py may have {LARGEST} bytes, it has more"),
    ],
    ids=["missing", "binary", "huge"],
)
def test_kernel_files_that_cannot_be_read(
    content: bytes | None, rule: str, capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    if content is not None:
        (here / "kernel.py").write_bytes(content)
    assert refused(["evaluate", "kernel.py", "--task", "flip"], capsys) == rule


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("def flip(x:", "(line 1)"),
        ("(" * 5000, ""),
        ("def flop(x):\n    return x\n", "'flip'"),
        ("", "'flip'"),
    ],
    ids=["torn", "deep", "another", "empty"],
)
def test_kernel_files_that_hold_no_kernel(
    source: str, rule: str, capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    (here / "kernel.py").write_text(source)
    said = refused(["evaluate", "kernel.py", "--task", "flip"], capsys)
    assert said.startswith("kernel.py: ")
    assert rule in said


def test_a_kernel_file_without_end_is_not_read_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert "may have" in refused(["evaluate", "/dev/zero", "--task", "flip"], capsys)


def test_a_kernel_file_is_read_only_for_a_task_and_target_that_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = refused(["evaluate", "none.py", "--task", "nap"], capsys)
    assert said == f"task must be one of {TASKS} or a folder with a task.toml, got 'nap'"
    said = refused(["evaluate", "none.py", "--task", "flip", "--target", "sm_900"], capsys)
    assert said == "target must be one of gfx942, sm_90, got 'sm_900'"


def test_a_process_of_its_own_ends_like_that_too(here: Path) -> None:
    for arguments in ((), ("run", "nothing.toml"), ("status", "nothing")):
        done = kernevo(*arguments, cwd=here)
        assert (done.returncode, done.stdout) == (2, "")
        one_line(done.stderr)
    assert kernevo("--help").returncode == 0


def test_what_cannot_be_printed_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["status", "a\x1b[31mb\nc"], capsys).startswith("a run folder must be a folder, a?[31mb c")
