"""Expressions over sizes: plain arithmetic, and nothing that runs, hangs or overflows."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.suites.sizes import LARGEST, evaluate

SIZES = {"rows": 8192, "cols": 5000, "itemsize": 2}
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv}

terms = st.sampled_from(list(SIZES.items())) | st.integers(0, 2**20).map(lambda number: (str(number), number))


def _joined(pair: tuple[tuple[str, int], str, tuple[str, int]]) -> tuple[str, int]:
    (left, one), sign, (right, other) = pair
    value = 0 if sign == "//" and other == 0 else OPERATORS[sign](one, other)
    return (f"({left})", one) if sign == "//" and other == 0 else (f"({left} {sign} {right})", value)


expressions = st.recursive(
    terms, lambda inner: st.tuples(inner, st.sampled_from(list(OPERATORS)), inner).map(_joined), max_leaves=12
)


@given(expressions)
def test_expressions_give_what_arithmetic_gives(expression: tuple[str, int]) -> None:
    text, value = expression
    if 0 <= value <= LARGEST:
        assert evaluate(text, SIZES) == value
    else:
        with pytest.raises(ValueError, match="must give 0 to 2\\*\\*63 - 1"):
            evaluate(text, SIZES)


def test_precedence_and_space() -> None:
    assert evaluate(" 2 * rows * cols + 3 * (rows - 1) // 2 ", SIZES) == 2 * 8192 * 5000 + 3 * 8191 // 2


def test_huge_products_that_fit() -> None:
    assert evaluate("1048576 * 1048576 * 8388607", {}) == 2**40 * 8388607


@pytest.mark.parametrize(
    "hostile",
    [
        "10**10**10",
        "9 << 9999999",
        "__import__('os').getpid()",
        "rows.bit_length()",
        "[1 for _ in range(9)][0]",
        "lambda: 1",
        "(x := 3)",
        "'a' * 10",
        "1.5",
        "True",
        "-1",
        "~rows",
        "rows / 2",
        "rows % 2",
        "other",
        "rows // 0",
        "rows rows",
        "",
        "1\n2",
        "\0",
        "(" * 10_000 + "1" + ")" * 10_000,
        "1" + " + 1" * 200_000,
        "9" * 5_000,
        "*".join(["9" * 4_000] * 50),
        "0 - " + "*".join(["9" * 4_000] * 50),
        "1 - 2",
        f"{LARGEST} + 1",
        "f" * 100_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_hostile_expressions_are_refused(hostile: str) -> None:
    with pytest.raises(ValueError) as refusal:
        evaluate(hostile, SIZES)
    assert len(str(refusal.value)) < 500
