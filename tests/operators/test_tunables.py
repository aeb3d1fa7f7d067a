from __future__ import annotations

import libcst as cst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.rewrites.family import Backend
from operators.rewrites.tunables import Tunable, tunables, with_values
from operators.syntax.kernel_module import KernelModule, read_module
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, LAYER_NORM, MATMUL, SOFTMAX, changed

SOURCES = (SOFTMAX, FLIP, ADD, MATMUL, AUTOTUNED, LAYER_NORM)


def found(source: str, backend: Backend = "cuda") -> tuple[KernelModule, tuple[Tunable, ...]]:
    module = read_module(cst.parse_module(source))
    return module, tunables(module, backend)


def values(source: str, backend: Backend = "cuda") -> dict[str, int]:
    return {tunable.key: tunable.value for tunable in found(source, backend)[1]}


def test_tiles_and_options_are_found_with_their_defaults():
    assert values(SOFTMAX) == {
        "softmax_kernel.BLOCK": 256,
        "softmax_kernel.num_warps": 4,
        "softmax_kernel.num_stages": 3,
    }
    hip = values(SOFTMAX, "hip")
    assert (hip["softmax_kernel.num_stages"], hip["softmax_kernel.waves_per_eu"]) == (2, 0)


def test_each_literal_behind_a_name_is_one():
    assert values(MATMUL) == {
        "matmul_kernel.BLOCK_M": 64,
        "matmul_kernel.BLOCK_N": 32,
        "matmul_kernel.GROUP_M": 8,
        "matmul_kernel.num_warps 1 of 2": 8,
        "matmul_kernel.num_warps 2 of 2": 4,
        "matmul_kernel.num_stages": 3,
    }


def test_configs_have_their_own():
    assert values(AUTOTUNED, "hip") == {
        "config 1.BLOCK": 256,
        "config 2.BLOCK": 1024,
        "config 1.num_warps": 4,
        "config 1.waves_per_eu": 0,
        "config 2.num_warps": 8,
        "config 2.waves_per_eu": 2,
    }


def test_a_literal_that_two_launches_take_is_one():
    source = FLIP + "\n\ndef again(x, out, n):\n    flip_kernel[(1, 1)](x, out, n, BLOCK=BLOCK)\n"
    assert [key for key in values(source) if "BLOCK" in key] == ["flip_kernel.BLOCK"]
    shared = ADD.replace("512", "BLOCK").replace("@triton.jit", "BLOCK = 16\n\n\n@triton.jit", 1)
    shared = shared.replace("        BLOCK=BLOCK,  # the tile\n", "        BLOCK, num_warps=BLOCK,\n")
    assert values(shared) == {"add_kernel.BLOCK": 16}, "what is a tile already is no option"


def test_several_move_at_once_and_the_rest_stays():
    module, tuned = found(ADD, "hip")
    made = with_values(
        module,
        tuned,
        {"add_kernel.BLOCK": 128, "add_kernel.num_warps": 8, "add_kernel.waves_per_eu": 2, "other": 1},
    )
    assert changed(ADD, made) == [
        "-blocks = triton.cdiv(n, 512)  # as many as it takes",
        "+blocks = triton.cdiv(n, 128)  # as many as it takes",
        "-BLOCK=512,  # the tile",
        "+BLOCK=128,  # the tile",
        "+num_warps=8,",
        "+waves_per_eu=2,",
    ]
    assert with_values(module, tuned, {}) == ADD
    assert with_values(module, tuned, values(ADD, "hip")) == ADD


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SOURCES), st.sampled_from(["cuda", "hip"]), st.data())
def test_what_is_set_is_found_again(source: str, backend: Backend, data: st.DataObject):
    module, tuned = found(source, backend)
    drawn = {tunable.key: data.draw(st.sampled_from(tunable.choices), tunable.key) for tunable in tuned}
    assert values(with_values(module, tuned, drawn), backend) == drawn


@pytest.mark.parametrize("source", SOURCES)
def test_choices_ascend_and_hold_the_value(source: str):
    for tunable in found(source, "hip")[1]:
        assert list(tunable.choices) == sorted(set(tunable.choices))
        assert tunable.value in tunable.choices
