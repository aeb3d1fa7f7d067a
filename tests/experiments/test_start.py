"""The front door: whose packages are run, and how a command ends that hardly began."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.start import FLOORS
from tests.experiments.commanding import KERNEVO, kernevo, one_line

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FLOORS)
def test_a_package_of_another_distribution_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('imported')")
    done = kernevo("tasks", environment={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (2, "")
    said = one_line(done.stderr)
    assert said.startswith(f"package '{name}' must come from {ROOT}, found {tmp_path / name}")


@pytest.mark.parametrize("name", ["evo", "evo.py"])
def test_a_bare_folder_or_a_module_of_the_name_is_refused_too(name: str, tmp_path: Path) -> None:
    if name == "evo":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("raise SystemExit('imported')")
    done = kernevo("tasks", environment={"PYTHONPATH": str(tmp_path)})
    assert f"package 'evo' must come from {ROOT}, found {tmp_path / name}; " in one_line(done.stderr)


def test_the_working_folder_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "evo.py").write_text("raise SystemExit('imported')")
    assert kernevo("tasks", cwd=tmp_path).stdout == kernevo("tasks", cwd=ROOT).stdout


def test_whoever_reads_may_go(tmp_path: Path) -> None:
    shell = shutil.which("bash")
    assert shell is not None
    command = f"set -o pipefail; '{KERNEVO}' tasks --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run([shell, "-c", command], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_an_interrupt_while_packages_are_imported_is_no_traceback(tmp_path: Path) -> None:
    """A module on the way raises what Ctrl-C raises."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("raise KeyboardInterrupt")
    done = kernevo("tasks", environment={"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (130, "kernevo: interrupted\n")


def test_mlflow_and_torch_are_imported_only_where_they_are_wanted() -> None:
    """They take seconds, and `status` is asked often."""
    program = "import sys, experiments.cli; print(sorted({'torch', 'mlflow', 'triton'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
