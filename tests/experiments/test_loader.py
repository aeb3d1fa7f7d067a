"""Task folders: those that come with kernevo, and every way in which one can be wrong."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from evo.errors import TaskError
from evo.task import Role
from experiments.reading import LARGEST
from experiments.suites.loader import FAMILIES, SUITES, load_task, task_names
from tests.experiments.commanding import refused


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SUITES / "flip", tmp_path / "mine"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("name", task_names())
def test_tasks_that_come_with_kernevo_are_whole(name: str) -> None:
    task = load_task(name)
    assert task.name == task.entry_point == name
    assert task.having(Role.CHECK)
    assert task.having(Role.TIME)
    assert all(workload.bytes > 0 for workload in task.workloads)
    assert len(task.having(Role.CHECK)) >= 3
    assert "def baseline(" in task.reference
    ast.parse(task.seed.source)


def test_a_folder_is_a_task_too(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, ours = load_task(str(folder)), load_task("flip")
    assert mine.name == "mine"
    assert mine.workloads == ours.workloads
    monkeypatch.chdir(folder)
    assert load_task(".") == mine
    assert mine.digest != ours.digest


def test_bytes_and_flops_are_worked_out(folder: Path) -> None:
    change(folder / "task.toml", 'flops = "0"', 'flops = "3 * (rows + cols) // 2"')
    half = next(each for each in load_task(str(folder)).workloads if each.name == "ragged_half")
    assert (half.bytes, half.flops) == (2 * 8192 * 5000 * 2, 3 * (8192 + 5000) // 2)


FAULTS = {
    "an unknown key": ("level = 1", "level = 1\ncolour = 2", "colour"),
    "a missing key": ("level = 1\n", "", "level"),
    "a key of the wrong type": ("level = 1", "level = 'one'", "Expected `int`"),
    "a level that does not exist": ("level = 1", "level = 9", "level must be 1 to 5, got 9"),
    "no TOML": ("level = 1", "level = ", "task.toml"),
    "an unknown role": ('role = "check"', 'role = "rest"', "rest"),
    "an unknown dtype": ('dtype = "float32"', 'dtype = "float3"', "dtype must be one of float64, "),
    "two workloads of one name": ('name = "ragged"', 'name = "round"', "workload names must differ"),
    "a name MLflow cannot hold": ('name = "ragged"', 'name = "a:b|c"', "must be letters, digits"),
    "an unknown size": ("cols * itemsize", "columns * itemsize", "'columns' is not one of the sizes"),
    "a hostile expression": ('flops = "0"', 'flops = "10**10**10"', "got '10 ** 10 ** 10'"),
    "a negative size": ("rows = 5", "rows = -5", "a size must be 0 to 2**63 - 1, got rows = -5"),
    "a size without end": ("rows = 5", f"rows = {10**30}", f"got rows = {10**30}"),
    "a tolerance that is none": ("exact = true", "max_multiple = nan", "positive and finite, got nan"),
    "a tolerance of zero": ("exact = true", "rms_multiple = 0.0", "positive and finite, got 0.0"),
    "a share beyond one": ("exact = true", "off_by_one = 1.5", "off_by_one must be a share from 0 to 1"),
    "a share that is none": ("exact = true", "off_by_one = nan", "off_by_one must be a share from 0 to 1"),
    "exact, yet off by one": ("exact = true", "exact = true\noff_by_one = 0.1", "0 where results are exact"),
    "an unknown family": ('"one_hot"', '"one_hott"', "families must be among large, small, heavy_tail, "),
    "another entry point": ('entry_point = "flip"', 'entry_point = "flop"', "the entry point 'flop'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_task_file(fault: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new, rule = FAULTS[fault]
    change(folder / "task.toml", old, new)
    said = refused(["evaluate", folder / "seed.py", "--task", folder], capsys)
    assert said.startswith("task mine: ")
    assert rule in said


def test_families_are_those_of_the_fitness() -> None:
    from fitness.families import FAMILIES as JUDGED
    from fitness.messages import NORMAL

    assert {*FAMILIES, NORMAL} == set(JUDGED)


@pytest.mark.parametrize("role", ["check", "time"])
def test_each_role_is_needed(role: str, folder: Path) -> None:
    text, other = (folder / "task.toml").read_text(), {"check": "time", "time": "check"}[role]
    (folder / "task.toml").write_text(text.replace(f'role = "{role}"', f'role = "{other}"'))
    with pytest.raises(TaskError, match=f"at least one workload must have role '{role}', got none"):
        load_task(str(folder))


@pytest.mark.parametrize("file", ["task.toml", "reference.py", "seed.py"])
def test_a_file_that_cannot_be_read(file: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / file).write_bytes(b"\xff\x00")
    assert f"{file} must be UTF-8 text" in refused(["evaluate", "x.py", "--task", folder], capsys)
    (folder / file).write_bytes(b"#" * (LARGEST + 1))
    assert f"{file} may have {LARGEST} bytes" in refused(["evaluate", "x.py", "--task", folder], capsys)
    (folder / file).unlink()
    rule = "a folder with a task.toml" if file == "task.toml" else f"{file} cannot be read"
    assert rule in refused(["evaluate", "x.py", "--task", folder], capsys)


@pytest.mark.parametrize("file", ["reference.py", "seed.py"])
@pytest.mark.parametrize("source", ["def flip(:", "x = '\\ud800", "(" * 5000, "\0"])
def test_a_module_that_is_no_python(
    file: str, source: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / file).write_text(source)
    said = refused(["evaluate", "x.py", "--task", folder], capsys)
    assert said.startswith(f"task mine: {file} must be Python: ")


@pytest.mark.parametrize("name", ["make_inputs", "reference"])
def test_a_reference_without_its_functions(name: str, folder: Path) -> None:
    change(folder / "reference.py", f"def {name}(", "def other(")
    with pytest.raises(TaskError, match=f"task mine: reference.py must define {name}"):
        load_task(str(folder))
