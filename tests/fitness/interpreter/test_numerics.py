from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitness.interpreter import numerics
from tests.fitness.interpreter.asking import check, output
from tests.fitness.interpreter.room import Ask

ELEMENTWISE = """
@triton.jit
def kernel(x, y, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    v = tl.load(x + at, mask=at < n, other=0)
    w = {}
    tl.store(y + at, w.to(y.dtype.element_ty), mask=at < n)

def entry(x):
    y = torch.empty_like(x)
    kernel[(1,)](x, y, x.numel(), triton.next_power_of_2(x.numel()))
    return y
"""

MATMUL = """
@triton.jit
def kernel(a, b, c, M: tl.constexpr, N: tl.constexpr, K: tl.constexpr):
    m, n, k = tl.arange(0, M)[:, None], tl.arange(0, N)[None, :], tl.arange(0, K)
    left, right = tl.load(a + m * K + k[None, :]), tl.load(b + k[:, None] * N + n)
    tl.store(c + m * N + n, tl.dot(left, right{}).to(c.dtype.element_ty))

def entry(a, b):
    c = torch.empty((a.shape[0], b.shape[1]), dtype=a.dtype, device=a.device)
    kernel[(1,)](a, b, c, a.shape[0], b.shape[1], a.shape[1])
    return c
"""


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_bfloat16_rounds_as_torch_does(values: list[float]) -> None:
    wide = np.array(values, dtype=np.float32)
    expected = torch.from_numpy(wide.copy()).to(torch.bfloat16).to(torch.float32).numpy()
    np.testing.assert_array_equal(numerics.from_bfloat16(numerics.to_bfloat16(wide)), expected)


def test_tf32_keeps_ten_bits() -> None:
    assert numerics.to_tf32(np.array([1 + 2**-11, 1 + 2**-12, np.inf], dtype=np.float32)).tolist() == [
        1 + 2**-10, 1.0, np.inf,
    ]  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_products_equal_float32_ones_rounded(room: Ask, dtype: torch.dtype) -> None:
    a, b = torch.randn(32, 64).to(dtype), torch.randn(64, 32).to(dtype)
    got = output(check(room, MATMUL.format(""), a, b))
    torch.testing.assert_close(got, (a.float() @ b.float()).to(dtype))


def test_products_of_float32_have_the_precision_that_the_target_gives_them(room: Ask) -> None:
    a, b = torch.randn(32, 64), torch.randn(64, 32)
    exact = a.double() @ b.double()
    for arch in ("sm_90", "gfx942"):
        rough = output(check(room, MATMUL.format(""), a, b, arch=arch))
        fine = output(check(room, MATMUL.format(', input_precision="ieee"'), a, b, arch=arch))
        assert 1e-4 < (rough - exact).abs().max() < 0.1
        assert (fine - exact).abs().max() < 1e-4


def test_products_of_int8_are_exact(room: Ask) -> None:
    source = MATMUL.format("").replace("dtype=a.dtype", "dtype=torch.int32")
    a = torch.randint(-128, 127, (32, 64), dtype=torch.int8)
    got = output(check(room, source, a, a.t().contiguous()))
    assert torch.equal(got, a.int() @ a.t().int())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("v + v * v", lambda x: x + x * x),
        ("v / 3", lambda x: (x.float() / 3).to(x.dtype)),
        ("tl.where(v > 0, v, -v)", torch.abs),
        ("tl.maximum(v, 0.5)", lambda x: x.clamp(min=0.5)),
        ("tl.exp(v.to(tl.float32))", lambda x: x.float().exp().to(x.dtype)),
        ("tl.extra.libdevice.tanh(v.to(tl.float32))", lambda x: x.float().tanh().to(x.dtype)),
        ("v * 0 + tl.max(v, axis=0)", lambda x: x * 0 + x.max()),
        ("tl.full((BLOCK,), 2.0, tl.bfloat16) * v", lambda x: 2 * x),
        ("v.to(tl.float8e5).to(tl.float32)", lambda x: x.to(torch.float8_e5m2).to(x.dtype)),
    ],
)
def test_bfloat16_arithmetic(room: Ask, expression: str, expected: object) -> None:
    x = torch.randn(100).to(torch.bfloat16)
    torch.testing.assert_close(output(check(room, ELEMENTWISE.format(expression), x)), expected(x))


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int32", "int8"])
def test_booleans_that_became_numbers_add_up(room: Ask, kind: str) -> None:
    x = torch.tensor([-1.0, 0.0, 2.0])
    expression = f"((v > 0).to(tl.{kind}) + (v > -9).to(tl.{kind}) + (v < 9).to(tl.{kind})).to(tl.float32)"
    assert output(check(room, ELEMENTWISE.format(expression), x)).tolist() == [2.0, 2.0, 3.0]


def test_a_bfloat16_sum_is_one_of_values_not_of_bits(room: Ask) -> None:
    x = torch.randn(128).to(torch.bfloat16)
    got = output(check(room, ELEMENTWISE.format("v * 0 + tl.sum(v, axis=0)"), x))
    torch.testing.assert_close(got[0].float(), x.float().sum(), atol=0.2, rtol=0.02)


def test_exponentials_and_maxima_of_infinities_and_nan(room: Ask) -> None:
    x = torch.tensor([-torch.inf, 0.0, torch.nan, torch.inf])
    exp = output(check(room, ELEMENTWISE.format("tl.exp(v)"), x))
    torch.testing.assert_close(exp, x.exp(), equal_nan=True)
    maximum = output(check(room, ELEMENTWISE.format("tl.maximum(v, -1.0)"), x))
    assert maximum.tolist() == [-1.0, 0.0, -1.0, torch.inf], "maxnum: the number wins over NaN"


SCAN = """
@triton.jit
def linear(a1, b1, a2, b2):
    return a1 * a2, b1 * a2 + b2

@triton.jit
def larger(v, i, w, j):
    first = (v > w) | ((v == w) & (i < j))
    return tl.where(first, v, w), tl.where(first, i, j)

@triton.jit
def kernel(x, y, z, best, N: tl.constexpr):
    at = tl.arange(0, N)
    a, b = tl.load(x + at), tl.load(y + at)
    _, scanned = tl.associative_scan((a, b), 0, linear)
    _, place = tl.reduce((a, at), 0, larger)
    tl.store(z + at, scanned)
    tl.store(best, place)

def entry(x, y):
    z, best = torch.empty_like(x), torch.empty((1,), dtype=torch.int32, device=x.device)
    kernel[(1,)](x, y, z, best, x.numel())
    return z, best
"""


def test_scans_and_reductions_with_functions_of_the_kernels_own(room: Ask) -> None:
    x, y = torch.rand(256), torch.rand(256)
    reply = check(room, SCAN, x, y)
    assert reply.failure is None, reply.failure
    scanned, place = (np.frombuffer(each.tensor.data, dtype=kind) for each, kind in
                      zip(reply.results[0].outputs, (np.float32, np.int32), strict=True))  # fmt: skip
    carried, expected = 0.0, []
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        carried = carried * a + b
        expected.append(carried)
    np.testing.assert_allclose(scanned, expected, rtol=1e-5)
    assert place.tolist() == [int(x.argmax())]


ATOMICS = """
@triton.jit
def kernel(x, y, BLOCK: tl.constexpr):
    v = tl.load(x + tl.program_id(0) * BLOCK + tl.arange(0, BLOCK))
    tl.atomic_add(y, tl.sum(v, axis=0))
    tl.atomic_max(y + 1, tl.max(v, axis=0))

def entry(x):
    y = torch.zeros(2, dtype=x.dtype, device=x.device)
    kernel[(4,)](x, y, 16)
    return y
"""


@pytest.mark.parametrize("dtype", [torch.float32, torch.int32])
def test_atomics(room: Ask, dtype: torch.dtype) -> None:
    x = (torch.rand(64) * 10).to(dtype)
    torch.testing.assert_close(output(check(room, ATOMICS, x)), torch.stack([x.sum().to(dtype), x.max()]))
