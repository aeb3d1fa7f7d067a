"""Whole kernels through the real rooms: honest ones pass, those that cheat end as their file says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evo.evaluation import Stage, Status
from experiments.suites.loader import load_task
from fitness.stages import Compilation
from tests.fitness.lab import Lab

KERNELS = Path(__file__).parent / "kernels"
HONEST = sorted(KERNELS.glob("honest/*.py"))
CHEATS = sorted(KERNELS.glob("cheats/*.py"))


def stated(source: str, name: str) -> str:
    """Return what a file's header comment says, as in `# task: softmax`."""
    found = re.search(rf"^# {name}: (.+)$", source, re.MULTILINE)
    assert found, name
    return found[1]


def test_there_are_kernels_of_both_kinds() -> None:
    assert len(HONEST) >= 15
    assert len(CHEATS) >= 15
    assert all(stated(path.read_text(), "expects") == "PASSED" for path in HONEST)
    assert all(stated(path.read_text(), "expects") != "PASSED" for path in CHEATS)


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.stem)
def test_honest_kernels_pass(path: Path, lab: Lab) -> None:
    source = path.read_text()
    evaluation = lab.evaluate(source, load_task(stated(source, "task")))
    assert (evaluation.status, evaluation.stage) == (Status.PASSED, Stage.TIME), evaluation.feedback


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.stem)
def test_honest_kernels_build_for_nvidia_too(path: Path, lab: Lab) -> None:
    source = path.read_text()
    task = load_task(stated(source, "task"))
    captured = lab.captured(source, task, "sm_90")
    assert isinstance(captured, tuple), captured
    plans = tuple(each.alternatives[0] for each in captured[-2:])
    compiled = lab.run(lab.stages("sm_90").compile(plans))
    assert isinstance(compiled, Compilation), compiled
    assert compiled.binaries
    assert not compiled.unbuilt


@pytest.mark.parametrize("path", CHEATS, ids=lambda path: path.stem)
def test_cheats_end_as_their_file_says(path: Path, lab: Lab) -> None:
    source = path.read_text()
    evaluation = lab.evaluate(source, load_task(stated(source, "task")))
    assert evaluation.status is Status(stated(source, "expects")), evaluation.feedback
    assert evaluation.feedback
