from __future__ import annotations

import pytest

from operators.rewrites.exp2 import Exp2
from tests.operators.dense_kernels import ATTENTION, GELU
from tests.operators.kernels import FLIP, LOG_SOFTMAX, SOFTMAX, changed, sources

FAMILY = Exp2()
FOLDED = "attention_kernel exp -> exp2 by scale of qk"


def test_the_constant_is_multiplied_behind_the_subtraction():
    made = sources(FAMILY, SOFTMAX)
    assert list(made) == ["softmax_kernel exp -> exp2"]
    after = made["softmax_kernel exp -> exp2"]
    assert "tl.exp2((x - row_max) * 1.4426950408889634) / row_sum" in after
    assert after.count("tl.exp2(") == 2
    assert "tl.exp(" not in after


def test_logarithms():
    made = sources(FAMILY, LOG_SOFTMAX)["log_softmax_kernel log -> log2"]
    assert "x - m - (tl.log2(s) * 0.6931471805599453)" in made


@pytest.mark.parametrize(
    ("argument", "becomes"),
    [
        ("-u", "-u * 1.4426950408889634"),
        ("u * 2.0", "u * 2.8853900817779268"),
        ("u * x", "u * x * 1.4426950408889634"),
        ("u + x", "(u + x) * 1.4426950408889634"),
        ("u if x else u", "(u if x else u) * 1.4426950408889634"),
        ("tl.where(mask, u, x)", "tl.where(mask, u, x) * 1.4426950408889634"),
    ],
)
def test_arguments_of_all_kinds(argument: str, becomes: str):
    (made,) = sources(FAMILY, GELU.replace("tl.exp(-u)", f"tl.exp({argument})")).values()
    assert f"tl.exp2({becomes})" in made


def test_a_scale_takes_the_constant_in():
    made = sources(FAMILY, ATTENTION)[FOLDED]
    removed = [line for line in changed(ATTENTION, made) if line[0] == "+"]
    assert "* (scale * 1.4426950408889634)" in removed[0]
    assert removed[1:] == ["+p = tl.exp2(qk - m_new[:, None])", "+alpha = tl.exp2(m_i - m_new)"]
    literal = sources(FAMILY, ATTENTION.replace("* scale,", "* 0.25,"))
    assert "* 0.36067376022224085," in literal["attention_kernel exp -> exp2 by 0.25 of qk"]


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("m_i = m_new", "m_i = m_new + 1"),  # no multiple any more
        ("acc = acc / l_i[:, None]", "acc = acc / (l_i + m_i)[:, None]"),  # seen by more than exponentials
        ('tl.full((BLOCK,), float("-inf"), tl.float32)', "tl.full((BLOCK,), -1000.0, tl.float32)"),
        ("tl.exp(m_i - m_new)", "tl.exp(m_i - scale)"),  # a parameter is not scaled
        ("tl.exp(m_i - m_new)", "tl.exp(2 * (m_i - m_new))"),
        ("p = tl.exp(", "qk += 1.0\n        p = tl.exp("),
        ("p = tl.exp(", "qk, k = k, qk\n        p = tl.exp("),
        ("for start in range(0, length, BLOCK):", "for m_i in range(0, length, BLOCK):"),
    ],
)
def test_a_scale_only_where_exponentials_alone_come_to_see_it(was: str, becomes: str):
    assert was in ATTENTION
    assert FOLDED not in sources(FAMILY, ATTENTION.replace(was, becomes))


def test_nothing_without_exponentials():
    assert not sources(FAMILY, FLIP)
