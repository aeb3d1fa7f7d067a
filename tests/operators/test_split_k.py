from __future__ import annotations

import pytest

from operators.rewrites.split_k import SplitK
from tests.operators.kernels import FLIP, LAYER_NORM, MATMUL, SOFTMAX, changed, sources
from tests.operators.loop_kernels import ATTENTION, MARCHING, PRODUCT

FAMILY = SplitK()
SECOND = "product_kernel K in 4 parts"


def test_programs_take_parts_of_the_loop_and_another_kernel_adds_them_up():
    made = sources(FAMILY, PRODUCT)
    assert list(made) == [f"product_kernel K in {parts} parts" for parts in (2, 4, 8)]
    split = made[SECOND]
    assert "    part = tl.program_id(2)\n    c_ptr += part.to(tl.int64) * n_out\n    rows = " in split
    assert (
        "    turns = tl.cdiv(tl.cdiv(K, BLOCK_K), SPLIT_K)\n"
        "    first = part * turns\n"
        "    for k in range(first * BLOCK_K, tl.minimum((first + turns) * BLOCK_K, K), BLOCK_K):\n"
    ) in split
    assert (
        "tl.store(c_ptr + rows[:, None] * N + cols[None, :], acc, mask=mask)\n\n\n@triton.jit\ndef sum_parts"
        in split
    )
    host = split[split.index("def product(") :]
    assert set(changed(PRODUCT[PRODUCT.index("def product(") :], host)) == {
        "-product_kernel[grid](a, b, c, M, N, K, BLOCK_M=16, BLOCK_N=16, BLOCK_K=16)",
        "+parts = torch.empty((4, c.numel()), device=c.device, dtype=torch.float32)",
        "+product_kernel[(grid[0], grid[1], 4)]"
        "(a, b, parts, M, N, K, BLOCK_M=16, BLOCK_N=16, BLOCK_K=16, n_out=c.numel(), SPLIT_K=4)",
        "+sum_parts_kernel[(triton.cdiv(c.numel(), 1024),)](parts, c, c.numel(), PARTS=4, BLOCK=1024)",
    }


def test_pointers_that_advance_begin_where_the_part_does():
    split = sources(FAMILY, MARCHING)["marching_kernel K in 2 parts"]
    assert (
        "    a_ptrs += first * (DEPTH * stride_ak)\n    b_ptrs += first * (DEPTH * N)\n    for k in " in split
    )
    assert "range(first, tl.minimum(first + turns, tl.cdiv(K, DEPTH))):\n" in split
    assert "    c = acc\n" in split, "parts are kept in float32"


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('acc += tl.dot(a, b, input_precision="ieee")', "acc = acc + tl.dot(a, b)"),
        ('acc += tl.dot(a, b, input_precision="ieee")', "acc = tl.dot(a, b) + acc"),
        ('acc += tl.dot(a, b, input_precision="ieee")', "acc = tl.dot(a, b, acc=acc)"),
        ("range(0, K, BLOCK_K)", "tl.range(0, K, BLOCK_K, num_stages=3)"),
        ("torch.empty((M, N), device=a.device, dtype=a.dtype)", "torch.empty_like(a)"),
    ],
)
def test_ways_to_write_it(was: str, becomes: str):
    assert was in PRODUCT
    assert len(sources(FAMILY, PRODUCT.replace(was, becomes))) == 3


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("dtype=tl.float32)\n", "dtype=tl.float16)\n"),
        ("tl.zeros((BLOCK_M, BLOCK_N)", "tl.full((BLOCK_M, BLOCK_N), 1.0"),
        ("acc += tl.dot", "acc = acc * 2 + tl.dot"),
        ("acc += tl.dot", "acc -= tl.dot"),
        ("        acc += ", "        acc = tl.maximum(acc, 0.0)\n        acc += "),
        ("acc.to(c_ptr", "tl.exp(acc).to(c_ptr"),
        ("    mask = (rows", "    acc += 1.0\n    mask = (rows"),
        ("    mask = (rows", "    if M > 5:\n        acc = acc * 2\n    mask = (rows"),
        ("    mask = (rows", "    tl.store(c_ptr, 0.0)\n    mask = (rows"),
        ("    acc = tl.zeros", "    tl.atomic_add(c_ptr, 1.0)\n    acc = tl.zeros"),
        ("range(0, K, BLOCK_K)", "range(BLOCK_K, K, BLOCK_K)"),
        ("        acc += ", "        if k > 64:\n            break\n        acc += "),
        ("        inner = k +", "        inner = rows * 0 + tl.sum(a) + k +"),  # carried from turn to turn
        ("torch.empty((M, N), device=a.device, dtype=a.dtype)", "out_of(a)"),
        ("    grid = ", "    c = c.t()\n    grid = "),
        ("b_ptr + inner", "c_ptr + inner"),
        ("product_kernel[grid](", "product_kernel[grid](*extra, "),
    ],
)
def test_a_kernel_that_does_more_is_left_alone(was: str, becomes: str):
    assert was in PRODUCT
    assert sources(FAMILY, PRODUCT.replace(was, becomes)) == {}


def test_kernels_of_another_kind_are_left_alone():
    for source in (SOFTMAX, FLIP, LAYER_NORM, ATTENTION, MATMUL):
        assert sources(FAMILY, source) == {}
    split = sources(FAMILY, PRODUCT)[SECOND]
    assert sources(FAMILY, split) == {}, "all three axes are taken"


def test_a_second_helper_gets_a_name_of_its_own():
    twice = MARCHING + PRODUCT.removeprefix(PRODUCT[: PRODUCT.index("@triton.jit")])
    once = sources(FAMILY, twice)["marching_kernel K in 2 parts"]
    both = sources(FAMILY, once)[SECOND]
    assert both.count("def sum_parts_kernel(") == 1
    assert both.count("def sum_parts_kernel_2(") == 1
