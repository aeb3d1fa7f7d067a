from __future__ import annotations

import pytest

from operators.rewrites.loop_options import LoopOptions
from tests.operators.kernels import FLIP, HEAD, MATMUL, SOFTMAX, changed, sources
from tests.operators.loop_kernels import PRODUCT, RMS_NORM

FAMILY = LoopOptions()


def looping(header: str, body: str = "tl.store(x + i, tl.load(x + i))", more: str = "") -> str:
    return (
        f"{HEAD}@triton.jit\ndef k(x, n, B: tl.constexpr, C: tl.constexpr):\n"
        f"    for i in {header}:\n        {body}\n{more}"
    )


def test_a_loop_takes_stages_or_is_unrolled():
    made = sources(FAMILY, PRODUCT)
    assert list(made) == [
        *(f"product_kernel loop num_stages (not given) -> {stages}" for stages in (1, 2, 3, 4)),
        *(f"product_kernel loop loop_unroll_factor (not given) -> {times}" for times in (2, 4)),
    ]
    assert changed(PRODUCT, made["product_kernel loop num_stages (not given) -> 3"]) == [
        "-for k in range(0, K, BLOCK_K):",
        "+for k in tl.range(0, K, BLOCK_K, num_stages=3):",
    ]


def test_options_change_and_go_again():
    made = sources(FAMILY, looping("tl.range(0, n, step=B, num_stages=2, loop_unroll_factor=4)"))
    assert "tl.range(0, n, step=B, loop_unroll_factor=4, num_stages=3):" in made["k loop num_stages 2 -> 3"]
    assert "tl.range(0, n, step=B, loop_unroll_factor=4):" in made["k loop num_stages -> (not given)"]
    assert "k loop num_stages 2 -> 2" not in made
    last = sources(FAMILY, looping("tl.range(n, num_stages=2)"))["k loop num_stages -> (not given)"]
    assert last == looping("range(n)")


def test_loops_are_told_apart_and_those_that_load_nothing_have_no_stages():
    made = sources(FAMILY, SOFTMAX)
    assert len(made) == 3 * 6
    assert "softmax_kernel loop 2 num_stages (not given) -> 2" in made
    assert sources(FAMILY, FLIP) == {}
    assert not any("num_stages" in summary for summary in sources(FAMILY, looping("range(n)", "x += 1")))
    helped = MATMUL.replace("tl.load(", "fetched(").replace(
        "def product", "def fetched(p):\n    return tl.load(p)\n\n\n@triton.jit\ndef product"
    )
    assert "matmul_kernel loop num_stages (not given) -> 2" in sources(FAMILY, helped)


def test_nests_are_flattened():
    nested = looping("range(n)", "for j in range(n):\n            tl.store(x + i + j, tl.load(x))")
    made = sources(FAMILY, nested)
    assert "for i in tl.range(n, flatten=True):\n" in made["k loop 1 flatten (not given) -> True"]
    assert "k loop 2 flatten (not given) -> True" not in made


@pytest.mark.parametrize("bounds", ["B", "0, C, B", "4", "0, 64", "C // B - 1", "64, -1, -1", "0, B, 4"])
def test_bounds_that_the_compiler_knows_can_be_static_and_back(bounds: str):
    made = sources(FAMILY, looping(f"range({bounds})"))["k loop range -> static"]
    assert made == looping(f"tl.static_range({bounds})")
    assert sources(FAMILY, made) == {"k loop static -> range": looping(f"range({bounds})")}


@pytest.mark.parametrize("bounds", ["n", "0, n, B", "65", "tl.cdiv(C, B)", "0, 64, 0", "x[0]"])
def test_other_bounds_stay(bounds: str):
    assert "k loop range -> static" not in sources(FAMILY, looping(f"range({bounds})"))


def test_a_loop_that_is_left_early_is_not_unrolled_whole():
    assert "k loop range -> static" not in sources(FAMILY, looping("range(B)", "break"))


def test_options_go_when_a_loop_becomes_static():
    made = sources(FAMILY, looping("tl.range(0, B, num_stages=2)"))["k loop range -> static"]
    assert made == looping("tl.static_range(0, B)")


@pytest.mark.parametrize("header", ["range(*bounds)", "(1, 2)", "others(n)", "tl.range(**bounds)"])
def test_what_is_no_plain_range_is_left_alone(header: str):
    assert sources(FAMILY, looping(header)) == {}


def test_tl_must_be_the_language():
    assert sources(FAMILY, RMS_NORM.replace("triton.language as tl", "triton.language as tr")) == {}
    named = RMS_NORM.replace("import triton.language as tl", "from triton import language as tl")
    assert len(sources(FAMILY, named)) == len(sources(FAMILY, RMS_NORM)) == 14
