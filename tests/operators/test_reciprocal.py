from __future__ import annotations

import pytest

from operators.rewrites.reciprocal import Reciprocal
from tests.operators.dense_kernels import GELU, RMS_NORM
from tests.operators.kernels import FLIP, LAYER_NORM, SOFTMAX, changed, sources

FAMILY = Reciprocal()


def test_a_quotient_becomes_a_product():
    made = sources(FAMILY, SOFTMAX)
    assert changed(SOFTMAX, made["softmax_kernel / row_sum -> *"]) == [
        "-y = tl.exp(x - row_max) / row_sum",
        "+y = tl.exp(x - row_max) * (1.0 / row_sum)",
    ]


def test_all_divisions_by_one_divisor_go_together():
    (made,) = sources(FAMILY, LAYER_NORM).values()
    assert "mean = total * (1.0 / n)" in made
    assert "tl.rsqrt(squares * (1.0 / n) + 1e-5)" in made


def test_constants_and_assignments():
    made = sources(FAMILY, GELU)
    every = made["gelu_kernel / -> * for every divisor"]
    assert "u = x * (1 + x * x * 0.044710721631047126) * 1.5957691216057308" in every
    assert "y = x * (1.0 / (1 + tl.exp(-u)))" in every
    assert "y *= 1.0" in made["gelu_kernel / 1.0 -> *"]
    assert len(made) == 5


def test_roots():
    made = sources(FAMILY, RMS_NORM)
    root = made["rms_kernel / tl.sqrt(tl.sum(x * x, axis=0) / n + 1e-6) -> *"]
    assert "inverse = tl.rsqrt(tl.sum(x * x, axis=0) / n + 1e-6)" in root
    both = made["rms_kernel / -> * for every divisor"]
    assert "inverse = tl.rsqrt(tl.sum(x * x, axis=0) * (1.0 / n) + 1e-6)" in both


@pytest.mark.parametrize("quotient", ["x / 0", "x / 0.0", "x / 1e-320", "x / 1e300", "x // 2", "1 / x"])
def test_what_has_no_reciprocal_stays(quotient: str):
    assert not sources(FAMILY, FLIP.replace("cols, x, mask", f"cols, {quotient}, mask"))


@pytest.mark.parametrize(
    ("quotient", "product"),
    [
        ("x / 2", "x * 0.5"),
        ("x / (a / b)", "x * (1.0 / (a * (1.0 / b)))"),
        ("(x / a) ** 2", "(x * (1.0 / a)) ** 2"),
        ("x / tl.sqrt(a)", "x * tl.rsqrt(a)"),
        ("x / -a", "x * (1.0 / -a)"),
        ("x / a ** 2", "x * (1.0 / a ** 2)"),
    ],
)
def test_precedence_is_kept(quotient: str, product: str):
    made = sources(FAMILY, FLIP.replace("cols, x, mask", f"cols, {quotient}, mask"))
    assert f"cols, {product}, mask" in next(iter(made.values()))
