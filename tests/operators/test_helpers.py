from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import libcst as cst
import pytest

from operators.rewrites.helpers import Helpers
from tests.operators.helper_kernels import HELPED, RMS_NORM, SQUARED
from tests.operators.kernels import HEAD, LAYER_NORM, MATMUL, SOFTMAX, changed, sources
from tests.operators.loop_kernels import MARCHING
from tests.operators.test_loop_semantics import KERNELS, assert_right

FAMILY = Helpers()
SAMPLE = 5  # variants in every run of the tests; which ones changes with what the family makes


def module(helper: str, line: str) -> str:
    """Return a module with a helper, and a kernel that has one line with what it is called for."""
    return (
        f"{HEAD}@triton.jit\ndef helper{helper}\n\n\n@triton.jit\n"
        "def kernel(x_ptr, n, BLOCK: tl.constexpr):\n    x = tl.load(x_ptr + n)\n"
        f"    {line}\n    tl.store(x_ptr, x)\n"
    )


def inlined(helper: str, line: str) -> str:
    """Return the kernel's line as it becomes; empty if it is left alone."""
    source = module(helper, line)
    made = sources(FAMILY, source).get("helper inlined into kernel", source)
    if made == source:
        return ""
    assert "def helper" not in made
    before, _, after = made.partition("x = tl.load(x_ptr + n)\n")
    assert before
    return "\n".join(each[4:] for each in after.rpartition("    tl.store(x_ptr, x)\n")[0].splitlines())


@pytest.mark.parametrize(
    ("helper", "line", "becomes"),
    [
        ("(a, b):\n    return a + b", "x = helper(x, n)", "x = x + n"),
        ("(a, b):\n    return a + b", "x = helper(b=x * 2, a=n)", "b = x * 2\nx = n + b"),
        ("(a, b=2.0):\n    return a + b", "x = helper(x)", "x = x + 2.0"),
        ("(a, *, b=-1):\n    return a + b", "x = helper(x)", "x = x + (-1)"),
        ("(a, B: tl.constexpr):\n    return a + B", "x = helper(x, BLOCK * 2)", "x = x + (BLOCK * 2)"),
        ("(a):\n    x = a * a\n    return x", "x = helper(x)", "x_2 = x * x\nx = x_2"),
        ("(a):\n    a += 1\n    return a", "x = helper(x)", "a = x\na += 1\nx = a"),
        ("(a, T: tl.constexpr):\n    return a.to(T)", "x = helper(x, tl.float32)", "x = x.to(tl.float32)"),
        ("(a):\n    return (3 * a).to(a.dtype)", "x = helper(x)", "x = (3 * x).to(x.dtype)"),
        (
            "(a):\n    return a * a",
            "x = helper(helper(x)) + n",
            "helper_result = x * x\nhelper_result_2 = helper_result * helper_result\nx = helper_result_2 + n",
        ),
        ("(a):\n    tl.store(a, 1)", "helper(x_ptr)", "tl.store(x_ptr, 1)"),
        ("(a):\n    'nothing'", "helper(x_ptr)", "pass"),
        ("(a):\n    return a, a + 1", "x, y = helper(x)", "x, y = x, x + 1"),
        (
            "(a):\n    if a > 1:\n        b = a\n    else:\n        b = 1\n    return b",
            "x = helper(n)  # said",
            "if n > 1:\n    b = n\nelse:\n    b = 1\nx = b  # said",
        ),
    ],
)
def test_a_helper_stands_where_it_was_called(helper: str, line: str, becomes: str):
    assert inlined(helper, line) == becomes


@pytest.mark.parametrize(
    ("helper", "line"),
    [
        ("(a):\n    if a > 0:\n        return a\n    return -a", "x = helper(x)"),
        ("(a):\n    return helper(a)", "x = helper(x)"),
        ("(a):\n    return x * a", "x = helper(x)"),  # a name of the module that the kernel binds
        ("(a, B: tl.constexpr):\n    return a + B", "x = helper(x, n)"),
        ("(a):\n    a += 1\n    return a", "x = helper(1)"),
        ("(a):\n    return a + 1", "x = helper(*x)"),
        ("(a):\n    return a + 1", "x = helper(x, n)"),
        ("(a):\n    return a + 1", "x = helper()"),
        ("(a):\n    return a + 1", "x = helper(x.shape[0])"),
        ("(a):\n    return a + 1", "x = helper(x) if BLOCK > 1 else x"),
        ("(a):\n    return a + 1", "x = n > 1 and helper(x)"),
        ("(a):\n    return a + 1", "x = tl.reduce(helper(x), 0, helper)"),
        ("(a):\n    return a + 1", "x = tl.atomic_add(x_ptr, 1) + helper(x)"),
        ("(a):\n    return a + 1", "if n > 1: x = helper(x)"),
        ("(a):\n    return a + 1", "x = 1; x = helper(x)"),
        ("(a):\n    tl.store(a, 1)\n    return 1", "x = x + helper(x_ptr)"),
        ("(a):\n    return a, a", "x = helper(x)[0]"),
        ("(a):\n    B: tl.constexpr = 2\n    return a + B", "x = helper(x)"),
        ("(a):\n    return [b for b in a]", "x = helper(x)"),
        ("(*a):\n    return a", "x = helper(x)"),
        ("(a):\n    return a // 2", "x = tl.arange(0, helper(BLOCK))"),
        ("(a):\n    return a // 2", "X: tl.constexpr = helper(BLOCK)"),
        ("(a):\n    return a + 1", "for i in tl.static_range(2):\n        x = tl.arange(0, helper(i))"),
        ("(a, b=other):\n    return a + b", "x = helper(x)"),
    ],
)
def test_what_is_not_understood_stays_a_call(helper: str, line: str):
    assert inlined(helper, line) == ""


def test_helpers_in_helpers_and_those_that_others_call_stay():
    made = sources(FAMILY, RMS_NORM)
    assert {name for name in made if "inlined" in name} == {
        "masked inlined into added",
        "masked inlined into rms_norm_kernel",
        "added inlined into rms_norm_kernel",
    }
    assert changed(RMS_NORM, made["masked inlined into rms_norm_kernel"]) == [
        "+ptr = x_ptr + row",
        "+mask = cols < n",
        "+masked_result = tl.load(ptr + cols, mask=mask, other=0.0)",
        "-x = masked(x_ptr + row, cols, n) * tl.rsqrt(mean + 1e-6)",
        "+x = masked_result * tl.rsqrt(mean + 1e-6)",
    ]
    last = sources(FAMILY, made["masked inlined into rms_norm_kernel"])["masked inlined into added"]
    assert "def masked" not in last


def test_a_product_in_a_helper_comes_into_the_loop():
    made = sources(FAMILY, MATMUL)["product inlined into matmul_kernel"]
    assert "        acc = tl.dot(a, b, acc)\n" in made
    assert "def product" not in made


def test_a_helper_that_stores_leaves_no_call():
    made = sources(FAMILY, SQUARED)["put inlined into squared_kernel"]
    assert changed(SQUARED, made)[-3:] == [
        "-put(out_ptr, offsets, (fourth * fourth).to(x.dtype), n)",
        "+value = (fourth * fourth).to(x.dtype)",
        "+tl.store(out_ptr + offsets, value, mask=offsets < n)",
    ]


def test_the_body_of_a_loop_becomes_a_helper_that_takes_what_it_reads_and_returns_what_is_read_later():
    made = sources(FAMILY, MARCHING)["marching_kernel loop 1 split out"]
    assert (
        "def marching_kernel_step(a_ptrs, inner, K, k, DEPTH: tl.constexpr, b_ptrs, acc, stride_ak, N):"
        in made
    )
    assert "    return a_ptrs, b_ptrs, acc\n\n\n@triton.jit\ndef marching_kernel(" in made
    assert (
        "    for k in range(0, tl.cdiv(K, DEPTH)):\n        a_ptrs, b_ptrs, acc = marching_kernel_step("
        "a_ptrs, inner, K, k, DEPTH, b_ptrs, acc, stride_ak, N)\n    c = " in made
    )
    last = sources(FAMILY, SOFTMAX)["softmax_kernel loop 3 split out"]
    assert (
        "        softmax_kernel_step(start, BLOCK, n_cols, x_row, row_max, row_sum, out_row, out_ptr)\n"
        in last
    )
    read_later = LAYER_NORM.replace("    mean = total / n", "    mean = total / n + cols * 0")
    assert "cols, total = norm_kernel_step(" in sources(FAMILY, read_later)["norm_kernel loop 1 split out"]


def test_a_repeated_expression_becomes_a_helper():
    made = sources(FAMILY, SOFTMAX)["softmax_kernel expression 1 split out, 2 times"]
    assert [line for line in changed(SOFTMAX, made) if line[1:]] == [
        "+@triton.jit",
        "+def softmax_kernel_part(x, row_max):",
        "+return tl.exp(x - row_max)",
        "-row_sum += tl.sum(tl.exp(x - row_max), axis=0)",
        "+row_sum += tl.sum(softmax_kernel_part(x, row_max), axis=0)",
        "-y = tl.exp(x - row_max) / row_sum",
        "+y = softmax_kernel_part(x, row_max) / row_sum",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "x = tl.arange(0, BLOCK * 2 + 1) + tl.zeros((BLOCK * 2 + 1,), tl.float32)",  # must stay constants
        "x = (x.shape[0] * n + 1) * (x.shape[0] * n + 1)",
        "x = tl.load(x_ptr + x * n) + tl.load(x_ptr + x)",
        "x = (tl.program_id(0) * x + 1) * (tl.program_id(0) * x + 1)",
        "x = (lambda y: y * x + 1) * (x * n + 1) * (x * n + 1)",
        "for i in tl.static_range(2):\n        x = tl.arange(0, i * BLOCK + 2) + tl.arange(0, i * BLOCK + 2)",
        "for i in range(2):\n        if i:\n            x = 1\n        n = 2",
        "for i in range(2):\n        i = x\n        n = 2",
        "for i in range(2):\n        x += tl.program_id(0)\n        n = 2",
    ],
)
def test_constants_places_jumps_and_loads_are_not_split_out(line: str):
    assert sources(FAMILY, module("(a):\n    return a", line)) == {}


def test_kernels_without_helpers_and_hosts_are_left_alone():
    assert sources(FAMILY, "") == {}
    assert (
        sources(FAMILY, f"{HEAD}def f(x):\n    for i in x:\n        x += i\n        x *= i\n    return x\n")
        == {}
    )


def once() -> Iterator[tuple[str, str]]:
    """Yield every variant's name and source."""
    for entry, source in HELPED.items():
        for number, variant in enumerate(FAMILY.variants(cst.parse_module(source))):
            yield f"{entry}.helped{number}", variant.source()
    for entry, source in KERNELS.items():
        for number, variant in enumerate(FAMILY.variants(cst.parse_module(source))):
            yield f"{entry}.{number}", variant.source()


def test_the_kernels_and_a_sample_of_their_variants_compute_what_torch_computes(tmp_path: Path):
    made = dict(sorted(once(), key=lambda each: hashlib.sha256(each[1].encode()).hexdigest())[:SAMPLE])
    assert_right(made | {f"{entry}.seed": source for entry, source in HELPED.items()}, tmp_path)


@pytest.mark.thorough
@pytest.mark.timeout(1800)
def test_every_variant_and_its_variants_compute_what_torch_computes(tmp_path: Path):
    made = dict(once())
    for name, source in once():
        for number, variant in enumerate(FAMILY.variants(cst.parse_module(source))):
            made[f"{name}.{number}"] = variant.source()
    assert_right(made, tmp_path)
