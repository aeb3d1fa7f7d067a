"""Work that a kernel leaves out at the timed sizes alone, where no check looks at its results."""

from __future__ import annotations

import pytest

from evo.evaluation import Stage, Status
from experiments.suites.loader import load_task
from fitness.devices import DEVICES
from tests.fitness.lab import Lab

ONE_BLOCK = """
import torch
import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    cols = tl.arange(0, BLOCK)
    mask = cols < n_cols
    x = tl.load(x_ptr + row * n_cols + cols, mask=mask, other=-float("inf")).to(tl.float32)
    y = tl.exp(x - tl.max(x, axis=0))
    tl.store(out_ptr + row * n_cols + cols, (y / tl.sum(y, axis=0)).to(out_ptr.dtype.element_ty), mask=mask)


def softmax(x):
    out = torch.empty_like(x)
    n_cols = x.shape[-1]
    softmax_kernel[(x.numel() // n_cols,)](x, out, n_cols, BLOCK=4096, num_warps=8)
    return out
"""

WALKING = """
import torch
import triton
import triton.language as tl


@triton.jit
def flip_kernel(x_ptr, out_ptr, n_rows, n_cols, BLOCK: tl.constexpr):
    for row in range(tl.program_id(0), n_rows, tl.num_programs(0)):
        at = row.to(tl.int64) * n_cols
        for start in range(0, n_cols, BLOCK):
            cols = start + tl.arange(0, BLOCK)
            mask = cols < n_cols
            tl.store(out_ptr + at + cols, tl.load(x_ptr + at + (n_cols - 1 - cols), mask=mask), mask=mask)


def flip(x):
    out = torch.empty_like(x)
    n_cols = x.shape[-1]
    n_rows = x.numel() // n_cols
    flip_kernel[(min(n_rows, PROGRAMS),)](x, out, n_rows, n_cols, BLOCK=2048, num_warps=8)
    return out
"""

NEARLY = "(2000 + n_cols * 6 // 10)"
"""All columns of rows that checks have, and some 84% of 8,192."""


def replaced(task: str, *pairs: tuple[str, str]) -> str:
    source = load_task(task).seed.source
    for old, new in pairs:
        assert old in source
        source = source.replace(old, new)
    return source


@pytest.mark.parametrize("arch", sorted(DEVICES))
def test_a_row_that_no_block_holds_is_not_left_at_its_first_block(lab: Lab, arch: str) -> None:
    evaluation = lab.evaluate(ONE_BLOCK, load_task("softmax"), arch)
    assert evaluation.status is Status.WRONG, "the rest of a row was left out and nobody saw it"
    assert "ragged_half" in evaluation.feedback or "5000" in evaluation.feedback


def test_columns_that_are_not_read_are_missed(lab: Lab) -> None:
    source = replaced("argmax", ("range(0, n_cols, BLOCK)", f"range(0, min(n_cols, {NEARLY}), BLOCK)"))
    evaluation = lab.evaluate(source, load_task("argmax"))
    assert (evaluation.status, evaluation.stage) == (Status.WRONG, Stage.TIME), evaluation.feedback
    assert "square: the kernels load and store" in evaluation.feedback


def test_a_result_that_is_not_written_is_missed_however_much_else_is(lab: Lab) -> None:
    source = replaced(
        "flip",
        ("x_ptr, out_ptr", "x_ptr, out_ptr, spare_ptr"),
        ("(x, out,", "(x, out, torch.empty_like(x),"),
        (
            "    tl.store(",
            "    tl.store(spare_ptr + row * n_cols + cols, x, mask=mask)\n"
            "    mask = mask & (cols < 2000 + n_cols * 3 // 10)\n    tl.store(",
        ),
    )
    evaluation = lab.evaluate(source, load_task("flip"))
    assert (evaluation.status, evaluation.stage) == (Status.WRONG, Stage.TIME), evaluation.feedback
    assert "square: the kernels store" in evaluation.feedback
    assert "of a result of 268435456" in evaluation.feedback


@pytest.mark.parametrize("programs", [7000, 7900, 304])
def test_programs_that_do_not_all_do_as_much_leave_nothing_out(lab: Lab, programs: int) -> None:
    evaluation = lab.evaluate(WALKING.replace("PROGRAMS", str(programs)), load_task("flip"))
    assert evaluation.passed, evaluation.feedback
