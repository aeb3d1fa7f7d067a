from __future__ import annotations

import pytest
import torch

from fitness.interpreter.messages import Fault
from tests.fitness.interpreter.asking import check, output
from tests.fitness.interpreter.room import Ask

HINTED = """
@triton.jit
def kernel(x, y, n, BLOCK: tl.constexpr):
    at = {at}
    tl.assume(n {assumed})
    tl.store(y + at, tl.load(x + at, mask=at < n), mask=at < n)

def entry(x):
    y = torch.empty_like(x)
    kernel[(triton.cdiv(x.numel(), 16),)](x, y, x.numel(), 16)
    return y
"""
AT = "tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)"


def hinted(at: str, assumed: str = ">= 0") -> str:
    return HINTED.format(at=at, assumed=assumed)


@pytest.mark.parametrize(
    "at",
    [
        f"tl.max_contiguous(tl.multiple_of({AT}, BLOCK), BLOCK)",
        f"tl.max_contiguous(tl.multiple_of({AT}, 8), 4)",
        "tl.multiple_of(tl.program_id(0) * BLOCK, 16) + tl.arange(0, BLOCK)",
        f"tl.ravel(tl.max_contiguous(tl.multiple_of(({AT})[None, :], (1, 16)), (1, 16)))",
        f"tl.max_constancy({AT}, 1)",
    ],
)
def test_hints_that_hold_change_nothing(room: Ask, at: str) -> None:
    x = torch.randn(40)
    assert torch.equal(output(check(room, hinted(at), x)), x)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (
            f"tl.multiple_of({AT}, 32)",
            "tl.multiple_of says 32 along axis 0, which does not hold of [16, 17, ",
        ),
        (f"tl.max_contiguous(({AT}) % 24, BLOCK)", "tl.max_contiguous says 16 along axis 0"),
        (f"tl.max_constancy({AT}, 2)", "tl.max_constancy says 2 along axis 0"),
        (
            "tl.multiple_of(tl.program_id(0) + 16, 16) * BLOCK + tl.arange(0, BLOCK)",
            "tl.multiple_of says 16",
        ),
    ],
)
def test_a_false_hint_is_told_with_its_line(room: Ask, at: str, told: str) -> None:
    failure = check(room, hinted(at), torch.randn(40)).failure
    assert failure is not None
    assert failure.fault is Fault.ERROR
    assert told in failure.message
    assert failure.line == 8


def test_a_false_assumption_is_told(room: Ask) -> None:
    failure = check(room, hinted(AT, "< 40"), torch.randn(40)).failure
    assert failure is not None
    assert (failure.fault, failure.line) == (Fault.ERROR, 9)
