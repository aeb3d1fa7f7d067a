"""The distribution: what an installed kernevo is made of."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from experiments.suites.loader import SUITES, task_names

ROOT = Path(__file__).parents[1]
FLOORS = ("evo", "operators", "fitness", "experiments")
NOT_OURS = shutil.ignore_patterns("__pycache__", ".*", "build", "runs", "*.egg-info")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from a copy of the tree; building leaves files beside the sources."""
    if int(version("setuptools").split(".")[0]) < 77:
        pytest.skip("setuptools 77 or later builds kernevo")
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "tree", ignore=NOT_OURS)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "-w", folder, folder / "tree"], check=True, capture_output=True)
    [wheel] = folder.glob("kernevo-*.whl")
    with zipfile.ZipFile(wheel) as file:
        return set(file.namelist())


def test_every_module_is_in_it(names: set[str]) -> None:
    modules = {str(path.relative_to(ROOT)) for floor in FLOORS for path in (ROOT / floor).rglob("*.py")}
    assert modules <= names


def test_tasks_and_configs_are_in_it(names: set[str]) -> None:
    assert {"experiments/configs/flip.toml", "experiments/configs/softmax.toml"} <= names
    for task in task_names():
        whole = {f"experiments/suites/{task}/{file}" for file in ("task.toml", "reference.py", "seed.py")}
        assert whole <= names
    assert {path.name for path in SUITES.iterdir() if (path / "task.toml").exists()} == set(task_names())


def test_prompts_are_in_it(names: set[str]) -> None:
    prompts = {str(path.relative_to(ROOT)) for path in (ROOT / "operators/llm/prompts").glob("*.md")}
    assert prompts
    assert prompts <= names


def test_what_reports_are_made_of_is_in_it(names: set[str]) -> None:
    assets = {str(path.relative_to(ROOT)) for path in (ROOT / "experiments/report/assets").iterdir()}
    assert assets <= names


def test_kernels_of_the_self_test_are_in_it(names: set[str]) -> None:
    folder = ROOT / "experiments/exploits"
    kernels = {str(path.relative_to(ROOT)) for path in folder.glob("*/*.py")}
    assert {path.split("/")[2] for path in kernels} >= {"cheats", "honest", "gaps"}
    assert kernels <= names


def test_nothing_else_is(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.startswith("kernevo-")} == set(FLOORS)


def test_its_command_is_the_front_door(names: set[str]) -> None:
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)
