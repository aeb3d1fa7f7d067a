"""Tasks whose faults show only when their modules run: one line, no traceback, and the run can be read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from experiments.suites.loader import SUITES
from tests.commanded import config
from tests.experiments.commanding import kernevo, one_line

FAULTS = {
    "a reference that raises": (
        "reference.py",
        "    shape = ",
        "    raise OSError('no\\nway')\n    shape = ",
        2,
    ),
    "a seed kernel that is wrong": ("seed.py", "(n_cols - 1 - cols)", "cols", 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_task_that_cannot_be_searched(fault: str, tmp_path: Path) -> None:
    file, old, new, code = FAULTS[fault]
    task = Path(shutil.copytree(SUITES / "flip", tmp_path / "mine"))
    text = (task / file).read_text()
    assert old in text
    (task / file).write_text(text.replace(old, new))
    done = kernevo("run", config(tmp_path), "--set", f"task={task}", "--out", tmp_path / "run")
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    start, failed, said = done.stderr.splitlines()
    assert start == "start · gen 0 · 0/16 evaluated"
    assert failed == "failed · gen 0 · 0/16 evaluated"
    assert "'mine'" in one_line(f"{said}\n") or "task mine" in said
    assert len(said) < 700
    asked = kernevo("status", tmp_path / "run")
    assert asked.returncode == (0 if code == 2 else 1), "a seed kernel that is wrong is all there is to say"
    assert asked.returncode == 0 or one_line(asked.stderr) == one_line(f"{said}\n")
