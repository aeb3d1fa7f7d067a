from __future__ import annotations

import pytest

from operators.rewrites.cache_hints import CacheHints
from tests.operators.kernels import ADD, FLIP, LAYER_NORM, MATMUL, SOFTMAX, changed, sources

CUDA, HIP = CacheHints("cuda"), CacheHints("hip")
LOAD = "x = tl.load(x_ptr + row * n_cols + (n_cols - 1 - cols), mask=mask)"


def test_each_load_and_store_bears_each_hint_of_its_target():
    made = sources(CUDA, FLIP)
    assert list(made)[1:] == [
        *(f"flip_kernel load 1 of x_ptr: no hint -> {hint}" for hint in (".cg", "evict_first", "evict_last")),
        *(
            f"flip_kernel store 1 of out_ptr: no hint -> {hint}"
            for hint in (".cg", ".cs", ".wt", "evict_first", "evict_last")
        ),
    ]
    evicted = made["flip_kernel load 1 of x_ptr: no hint -> evict_first"]
    assert changed(FLIP, evicted) == ["-" + LOAD, "+" + LOAD[:-1] + ', eviction_policy="evict_first")']


def test_amds_compiler_reads_modifiers_alone():
    assert [summary.split(": ")[-1] for summary in sources(HIP, FLIP)] == [
        "flip_kernel hints by use",
        "no hint -> .cg",
        "no hint -> .cs",
        "no hint -> .wt",
    ]


def hints(source: str) -> list[str]:
    return [hint for line in source.splitlines() for hint in ("evict_first", "evict_last") if hint in line]


@pytest.mark.parametrize(
    ("source", "kernel", "expected"),
    [
        (SOFTMAX, "softmax_kernel", ["last", "last", "first", "first"]),  # the row is loaded three times
        (LAYER_NORM, "norm_kernel", ["last", "last", "first", "last", "first"]),  # all rows take the weight
        (MATMUL, "matmul_kernel", ["last", "last", "first"]),  # programs beside it take the tiles too
        (ADD, "add_kernel", ["first", "first", "first"]),
    ],
)
def test_what_is_used_again_stays_in_the_cache(source: str, kernel: str, expected: list[str]):
    made = sources(CUDA, source)[f"{kernel} hints by use"]
    assert hints(made) == [f"evict_{hint}" for hint in expected]


def test_a_hint_takes_the_place_of_another():
    hinted = sources(CUDA, FLIP)["flip_kernel load 1 of x_ptr: no hint -> evict_first"]
    made = sources(CUDA, hinted)
    assert made["flip_kernel load 1 of x_ptr: evict_first -> no hint"] == FLIP
    other = made["flip_kernel load 1 of x_ptr: evict_first -> .cg"]
    assert changed(FLIP, other) == ["-" + LOAD, "+" + LOAD[:-1] + ', cache_modifier=".cg")']
    assert "flip_kernel load 1 of x_ptr: evict_first -> evict_first" not in made


def test_all_hints_go_at_once():
    by_use = sources(CUDA, ADD)["add_kernel hints by use"]
    assert sources(CUDA, by_use)["add_kernel no hints"] == ADD
    assert "add_kernel hints by use" not in sources(CUDA, by_use)


@pytest.mark.parametrize(
    "arguments",
    [
        "*(x_ptr + row * n_cols + cols, mask)",
        "x_ptr + row * n_cols + cols, mask=mask, **{}",
        "x_ptr + row * n_cols + cols, mask=mask, cache_modifier=CACHE",
        "x_ptr + row * n_cols + cols, mask=mask, volatile=True",
        "x_ptr + row * n_cols + cols, mask, 0.0, (), '', '.cg'",
    ],
)
def test_loads_whose_hints_cannot_be_read_are_left_alone(arguments: str):
    source = FLIP.replace(LOAD, f"x = tl.load({arguments})")
    assert not any("load" in summary for summary in sources(CUDA, source))
