from __future__ import annotations

import pytest

from operators.rewrites.program_order import ProgramOrder
from tests.operators.kernels import FLIP, SOFTMAX, changed, sources
from tests.operators.loop_kernels import ATTENTION, MARCHING, PRODUCT

CUDA, HIP = ProgramOrder("cuda"), ProgramOrder("hip")


def test_axes_swap():
    assert set(changed(FLIP, sources(CUDA, FLIP)["flip_kernel axes swapped"])) == {
        "-row = tl.program_id(0).to(tl.int64)",
        "-cols = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)",
        "-flip_kernel[grid](x, out, n_cols, BLOCK=BLOCK, num_warps=4)",
        "+row = tl.program_id(1).to(tl.int64)",
        "+cols = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)",
        "+flip_kernel[(grid[1], grid[0])](x, out, n_cols, BLOCK=BLOCK, num_warps=4)",
    }


def test_tiles_are_taken_in_groups():
    made = sources(CUDA, PRODUCT)
    assert [summary for summary in made if "groups" in summary] == [
        f"product_kernel tiles in groups of {size}" for size in (4, 8, 16)
    ]
    grouped = made["product_kernel tiles in groups of 8"]
    assert (
        "    down, across = tl.swizzle2d(tl.program_id(1), tl.program_id(0), tl.num_programs(1), "
        "tl.num_programs(0), GROUP)\n    rows = across * BLOCK_M + tl.arange(0, BLOCK_M)\n"
        "    cols = down * BLOCK_N + tl.arange(0, BLOCK_N)\n" in grouped
    )
    assert "BLOCK_K=16, GROUP=8)" in grouped


def test_a_number_that_the_kernel_splits_is_taken_in_groups_too():
    grouped = sources(CUDA, MARCHING)["marching_kernel tiles in groups of 4"]
    line = "    pid_m, pid_n = tl.swizzle2d(pid_m, pid_n, tl.num_programs(0) // across, across, GROUP)\n"
    assert "    pid_n = pid % across\n" + line in grouped
    direct = MARCHING.replace("    pid = tl.program_id(axis=0)\n", "").replace("pid /", "tl.program_id(0) /")
    assert (
        line
        in sources(CUDA, direct.replace("pid %", "tl.program_id(0) %"))[
            "marching_kernel tiles in groups of 4"
        ]
    )


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("pid % across", "pid % (across + 1)"),
        ("    inner = ", "    a_ptr += pid * 0\n    inner = "),
        ("    inner = ", "    pid_m = pid_n\n    inner = "),
        ("pid // across", "pid - across"),
        ("tl.program_id(axis=0)", "tl.program_id(axis=1)"),
    ],
)
def test_a_number_that_is_split_otherwise_is_not(was: str, becomes: str):
    assert was in MARCHING
    assert sources(CUDA, MARCHING.replace(was, becomes)) == {}


def test_groups_can_be_given_up_but_not_nested():
    for kernel, source in (("product_kernel", PRODUCT), ("marching_kernel", MARCHING)):
        grouped = sources(CUDA, source)[f"{kernel} tiles in groups of 4"]
        again = sources(CUDA, grouped)
        assert list(again) == [f"{kernel} tiles in groups no more"]
        assert "swizzle" not in again[f"{kernel} tiles in groups no more"]


def test_neighbours_share_a_die_where_there_are_several():
    made = sources(HIP, SOFTMAX)
    assert list(made) == ["softmax_kernel neighbouring tiles on one of 8 dies"]
    (dealt,) = made.values()
    assert changed(SOFTMAX, dealt)[:5] == [
        "+number = tl.program_id(0)",
        "+total = tl.num_programs(0)",
        "+die = number % 8",
        "+place = die * (total // 8) + tl.minimum(die, total % 8) + number // 8",
        "-row = tl.program_id(0).to(tl.int64)",
    ]
    assert sources(CUDA, SOFTMAX) == {}
    assert sources(HIP, dealt) == {}, "not twice"
    grouped = sources(HIP, PRODUCT)["product_kernel tiles in groups of 4"]
    assert "product_kernel neighbouring tiles on one of 8 dies" in sources(HIP, grouped)


@pytest.mark.parametrize("total", [1, 7, 8, 9, 15, 16, 17, 300, 304, 2432, 2433])
def test_every_place_is_dealt_once_and_the_places_of_a_die_follow_each_other(total: int):
    places = {n: n % 8 * (total // 8) + min(n % 8, total % 8) + n // 8 for n in range(total)}
    assert sorted(places.values()) == list(range(total))
    for die in range(8):
        own = [place for n, place in places.items() if n % 8 == die]
        assert own == list(range(own[0], own[0] + len(own))) if own else True


def test_three_axes_are_left_alone():
    assert sources(HIP, ATTENTION) == {}
