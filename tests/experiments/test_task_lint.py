"""Degenerate tasks are refused, each for what it is; those that come with kernevo are fit."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.cli import run
from experiments.suites.lint import faults_of_file
from experiments.suites.loader import SUITES, load_task, task_names
from fitness.degenerate import faults_of_reference
from tests.experiments.commanding import refused
from tests.rotation import rotated

Edit = Callable[[Path], None]


def task_from(name: str, folder: Path, *edits: Edit) -> Path:
    """Return a new task folder: one that comes with kernevo, edited."""
    shutil.copytree(SUITES / name, folder)
    for edit in edits:
        edit(folder)
    return folder


def change(file: str, old: str, new: str) -> Edit:
    """Return an edit that replaces a regular expression wherever it matches in a file."""

    def edit(folder: Path) -> None:
        text = (folder / file).read_text()
        changed = re.sub(old, new, text)
        assert changed != text, f"{old!r} does not match in {file}"
        (folder / file).write_text(changed)

    return edit


def outputs(expression: str) -> Edit:
    """Return an edit that has reference and baseline return an expression."""
    return change("reference.py", r"((?:reference|baseline)\(x\):\n    )return .*", rf"\1return {expression}")


def tolerance(text: str) -> Edit:
    return change("task.toml", r'(flops = ".*"\n)', rf"\1\n[tolerance]\n{text}\n")


def claims(name: str, expression: str) -> Edit:
    return change("task.toml", rf'\n{name} = ".*"', rf'\n{name} = "{expression}"')


LOOSE = tolerance("rms_multiple = 1e12\nmax_multiple = 1e12")

DEGENERATE: dict[str, tuple[str, tuple[Edit, ...], str]] = {
    "no baseline": (
        "softmax", (change("reference.py", "def baseline", "def other"),), "must define baseline",
    ),
    "zeros": ("softmax", (outputs("x * 0"),), "output 0 passes on every check workload if it is zeros"),
    "a constant": (
        "softmax", (outputs("torch.ones_like(x)"),), "output 0 passes .* if it is what other inputs give",
    ),
    "NaN throughout": ("softmax", (outputs("x * torch.nan"),), "output 0 passes .* if it is never written"),
    "minus one throughout": (
        "argmax", (outputs("torch.full(x.shape[:1], -1)"),), "output 0 passes .* if it is never written",
    ),
    "a tolerance that zeros pass": (
        "softmax", (LOOSE,), "tolerance lets output 0 of workload ragged pass if it is zeros",
    ),
    "a tolerance that other inputs' outputs pass": (
        "softmax", (LOOSE,), "tolerance lets output 0 of workload half pass if it is what other inputs give",
    ),
    "a tolerance that the input as it was passes": (
        "adamw_step", (LOOSE,), "tolerance lets output 0 of workload round pass if it is the input as it was",
    ),
    "a tolerance of quantised values that zeros pass": (
        "quantize_int8", (change("reference.py", "/ 127", "/ 1.4"), change("task.toml", "= 0.01", "= 0.9")),
        "tolerance lets output 0 of workload ragged pass if it is zeros",
    ),
    "an input that is not changed": (
        "fused_add_rms_norm",
        (change("reference.py", "    return F.rms_norm.*", "    return x + residual, residual"),),
        "output 1 passes .* if it is the input as it was",
    ),
    "one output of two that says nothing": (
        "quantize_int8", (change("reference.py", "int8.*", "int8), scale * 0"),),
        "output 1 passes on every check workload if it is zeros",
    ),
    "one shape to check": (
        "softmax", (change("task.toml", "(?<=rows = )[345], cols = [0-9]+", "3, cols = 1031"),),
        "check workloads must differ in their sizes",
    ),
    "no ragged shape": (
        "softmax", (change("task.toml", "1031", "1032"), change("task.toml", "130 ", "136 ")),
        "a check workload must be ragged",
    ),
    "a timed shape that is a check's": (
        "softmax", (change("task.toml", "rows = 16384, cols = 4096", "rows = 3, cols = 1031"),),
        "timed workloads must be larger than check workloads, got wide",
    ),
    "bytes below what the tensors hold": (
        "softmax", (claims("bytes", "rows * cols * itemsize"),), "bytes must be 40 to 40, .* got 20",
    ),
    "bytes beyond what the tensors hold": (
        "fused_add_rms_norm", (claims("bytes", "9 * rows * cols * itemsize"),), "bytes must be 228 to 380, ",
    ),
    "a gather that counts no row": (
        "embedding", (claims("bytes", "8 * tokens"),), "bytes must be 108 to 152, .* got 72",
    ),
    "no flops": ("softmax", (claims("flops", "0"),), "flops must be 1 to "),
    "absurd flops": ("softmax", (claims("flops", "1000 * rows * cols"),), "flops must be .* got 5000"),
    "fixed inputs": (
        "softmax", (change("reference.py", "generator=generator, ", "generator=torch.Generator(), "),),
        "make_inputs makes the same inputs",
    ),
    "a reference that rolls dice": (
        "softmax", (outputs("torch.softmax(torch.rand_like(x), -1)"),), "reference gives other outputs when",
    ),
    "a reference that returns too little": (
        "fused_add_rms_norm", (change("reference.py", "    return F.*", "    return (total,)"),),
        "reference must return the changed inputs",
    ),
    "a family of which nothing comes": (
        "softmax", (outputs("torch.softmax(x / x.abs().amax(-1, keepdim=True), -1)"),),
        "family zeros: every output is NaN throughout",
    ),
    "a baseline of another dtype": (
        "argmax", (change("reference.py", r"(def baseline.*\n    return .*)", r"\1.int()"),),
        r"workload one_column: baseline gives int32 \[5\], reference int64 \[5\]",
    ),
    "a baseline that fails": (
        "argmax", (change("reference.py", "(?s)(def baseline.*?    ).*", r"\1raise KeyError('x')\n"),),
        "baseline fails on every check workload: KeyError: 'x'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", DEGENERATE)
def test_degenerate_tasks_are_refused(fault: str, tmp_path: Path) -> None:
    name, edits, told = DEGENERATE[fault]
    task = load_task(str(task_from(name, tmp_path / "mine", *edits)))
    faults = [*faults_of_file(task), *faults_of_reference(task)]
    assert any(re.search(told, each) for each in faults), faults


def test_flops_of_a_product_count_each_multiplication(tmp_path: Path) -> None:
    product = (outputs("x @ x.t()"), claims("bytes", "rows * (rows + cols) * itemsize"))
    right = load_task(
        str(task_from("softmax", tmp_path / "right", *product, claims("flops", "2 * rows * rows * cols")))
    )
    assert [each for each in faults_of_reference(right) if "flops" in each] == []
    low = load_task(
        str(task_from("softmax", tmp_path / "low", *product, claims("flops", "rows * rows * cols // 5")))
    )
    assert any("flops must be" in each for each in faults_of_reference(low))


def test_what_is_changed_in_place_must_be_there(tmp_path: Path) -> None:
    changed = change("task.toml", '"residual"', '"rest"')
    task = load_task(str(task_from("fused_add_rms_norm", tmp_path / "mine", changed)))
    assert "mutates must name parameters of reference, got 'rest'" in list(faults_of_file(task))


@pytest.mark.parametrize("name", task_names())
def test_tasks_that_come_with_kernevo_say_nothing_wrong(name: str) -> None:
    assert list(faults_of_file(load_task(name))) == []


@pytest.mark.parametrize("name", rotated(4, "references ask for something"))
def test_references_that_come_with_kernevo_ask_for_something(name: str) -> None:
    assert faults_of_reference(load_task(name)) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", task_names())
def test_all_references_that_come_with_kernevo_ask_for_something(name: str) -> None:
    assert faults_of_reference(load_task(name)) == []


def test_the_command_names_each_fault_and_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = task_from("flip", tmp_path / "fit")
    slow = task_from("flip", tmp_path / "wrong", change("seed.py", "n_cols - 1 - cols", "cols"))
    raising = task_from("flip", tmp_path / "raising", outputs("x / {}"), change("task.toml", "1031", "1032"))
    nothing = tmp_path / "nothing"
    assert run(["tasks", "--check", "--json", *map(str, (fit, slow, raising, nothing))]) == 2
    output = capsys.readouterr()
    assert output.err == ""
    told = {each["name"]: each["faults"] for each in json.loads(output.out)["tasks"]}
    assert list(told) == [str(fit), str(slow), str(raising), str(nothing)]
    assert told[str(fit)] == []
    (wrong,) = told[str(slow)]
    assert wrong.startswith("the seed kernel ends as WRONG: ")
    (raised,) = told[str(raising)]
    assert "task raising: the reference failed: " in raised
    assert "TypeError" in raised
    (missing,) = told[str(nothing)]
    assert "a folder with a task.toml" in missing


def test_a_target_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "gfx1" in refused(["tasks", "--check", "--target", "gfx1", "flip"], capsys)


def test_some_tasks_are_listed_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tasks", "softmax", "--json", str(task_from("flip", tmp_path / "mine"))]) == 0
    listed = json.loads(capsys.readouterr().out)["tasks"]
    assert [each["name"] for each in listed] == ["softmax", "mine"]
    assert "'nothing'" in refused(["tasks", "nothing"], capsys)
