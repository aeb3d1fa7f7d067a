from __future__ import annotations

from operators.rewrites.precision import Precision
from tests.operators.dense_kernels import ATTENTION, MASKED_MATMUL
from tests.operators.kernels import ADD, FLIP, MATMUL, SOFTMAX, changed, sources

CUDA, HIP = Precision("cuda"), Precision("hip")
DOT = "acc += tl.dot(a, b, allow_tf32=False)"


def test_dots_take_float32_in_each_way_of_the_target():
    cuda, hip = sources(CUDA, MASKED_MATMUL), sources(HIP, MASKED_MATMUL)
    ways = [summary.split()[-1] for summary in cuda if "input_precision" in summary]
    assert ways == ["tf32", "tf32x3", "ieee"]
    assert [s.split()[-1] for s in hip if "input_precision" in s] == ["ieee", "tf32"]
    assert changed(MASKED_MATMUL, cuda["masked_kernel input_precision tf32"]) == [
        "-" + DOT,
        '+acc += tl.dot(a, b, input_precision="tf32")',
    ]


def test_all_dots_of_a_kernel_go_together():
    made = sources(CUDA, ATTENTION)
    assert "attention_kernel input_precision ieee" not in made, "it is that already"
    assert made["attention_kernel input_precision tf32"].count('input_precision="tf32"') == 2


def test_a_sum_moves_into_its_dot_and_out():
    inside = sources(CUDA, MASKED_MATMUL)["masked_kernel 1 sums into their dots"]
    assert changed(MASKED_MATMUL, inside) == ["-" + DOT, "+acc = tl.dot(a, b, allow_tf32=False, acc=acc)"]
    assert sources(CUDA, inside)["masked_kernel 1 sums out of their dots"] == MASKED_MATMUL
    for written in ("acc + tl.dot(a, b)", "tl.dot(a, b) + acc"):
        source = MASKED_MATMUL.replace(DOT, f"acc = {written}")
        assert "acc = tl.dot(a, b, acc)" in sources(CUDA, source)["masked_kernel 1 sums into their dots"]


def test_accumulators_in_float16_and_back():
    inside = sources(CUDA, MASKED_MATMUL)["masked_kernel 1 sums into their dots"]
    half = sources(CUDA, inside)["masked_kernel dots summed in float16"]
    assert "acc = tl.zeros((BLOCK_M, BLOCK_N), dtype=tl.float16)" in half
    assert "allow_tf32=False, acc=acc, out_dtype=tl.float16)" in half
    assert sources(CUDA, half)["masked_kernel dots summed in float32"] == inside
    assert not any("summed" in summary for summary in sources(CUDA, MASKED_MATMUL)), "the sum is outside"


def test_loaded_values_keep_their_type_or_become_float32():
    made = sources(CUDA, SOFTMAX)["softmax_kernel 3 loads as they are stored"]
    assert ".to(tl.float32)" not in made
    back = sources(CUDA, made)["softmax_kernel 3 loads in float32"]
    assert back == SOFTMAX


def test_nothing_for_kernels_that_round_nothing():
    assert not sources(CUDA, FLIP)
    assert not sources(CUDA, ADD)
    helper = sources(CUDA, MATMUL)
    assert {summary.split()[0] for summary in helper} == {"product"}, "only the helper has a dot"
