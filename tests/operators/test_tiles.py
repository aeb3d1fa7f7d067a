from __future__ import annotations

import pytest

from operators.rewrites.tiles import Tiles
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, HEAD, MATMUL, SOFTMAX, changed, sources


def test_a_constant_moves_by_its_name():
    made = sources(Tiles(), FLIP)
    assert list(made) == ["BLOCK 256 -> 128", "BLOCK 256 -> 512", "BLOCK 256 -> 64", "BLOCK 256 -> 1024"]
    assert changed(FLIP, made["BLOCK 256 -> 512"]) == ["-BLOCK = 256", "+BLOCK = 512"]


def test_a_literal_of_the_launch_moves():
    made = sources(Tiles(), SOFTMAX)
    launch = "softmax_kernel[(n_rows,)](x, out, n_cols, BLOCK={}, num_warps=4)"
    assert changed(SOFTMAX, made["BLOCK 256 -> 512"]) == [
        "-" + launch.format(256),
        "+" + launch.format(512),
    ]


def test_a_grid_that_repeats_the_literal_moves_along_and_comments_stay():
    assert changed(ADD, sources(Tiles(), ADD)["BLOCK 512 -> 128"]) == [
        "-blocks = triton.cdiv(n, 512)  # as many as it takes",
        "+blocks = triton.cdiv(n, 128)  # as many as it takes",
        "-BLOCK=512,  # the tile",
        "+BLOCK=128,  # the tile",
    ]


@pytest.mark.parametrize(
    ("grid", "moved"),
    [
        ("(n + 511) // 512", "(n + 255) // 256"),
        ("(n + 512 - 1) // 512", "(n + 256 - 1) // 256"),
        ("-(-n // 512)", "-(-n // 256)"),
    ],
)
def test_a_grid_rounded_up_by_hand_moves_along(grid: str, moved: str):
    source = ADD.replace("triton.cdiv(n, 512)", grid)
    assert sources(Tiles(), source)["BLOCK 512 -> 256"] == source.replace(grid, moved).replace(
        "BLOCK=512", "BLOCK=256"
    )


def test_equal_literals_that_the_grid_repeats_move_together():
    source = HEAD + (
        "@triton.jit\n"
        "def k(x, n, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):\n"
        "    tl.store(x + tl.arange(0, BLOCK_M), 0.0)\n"
        "def f(x, n):\n"
        "    k[(triton.cdiv(n, 64), triton.cdiv(n, 64))](x, n, 64, BLOCK_N=64)\n"
    )
    made = sources(Tiles(), source)["BLOCK_M, BLOCK_N 64 -> 128"]
    assert made == source.replace("64", "128")


def test_sizes_in_a_tuple_move_one_by_one_and_groups_stay_small():
    made = sources(Tiles(), MATMUL)
    assert "BLOCK_M, BLOCK_N = 64, 16" in made["BLOCK_N 32 -> 16"]
    assert "GROUP_M 8 -> 32" in made
    assert "BLOCK_N 32 -> 8" not in made, "no tile shrinks below 16"


def test_the_default_of_a_parameter_moves():
    source = ADD.replace("BLOCK: tl.constexpr", "BLOCK: tl.constexpr = 512").replace("        BLOCK=512,", "")
    assert "BLOCK: tl.constexpr = 256" in sources(Tiles(), source)["BLOCK 512 -> 256"]


def test_a_constant_that_the_kernel_reads_itself_moves():
    source = ADD.replace(", BLOCK: tl.constexpr", "").replace("        BLOCK=512,  # the tile\n", "")
    source = source.replace("@triton.jit", "BLOCK = tl.constexpr(512)\n\n\n@triton.jit", 1)
    made = sources(Tiles(), source)["BLOCK 512 -> 1024"]
    assert "BLOCK = tl.constexpr(1024)" in made
    assert "triton.cdiv(n, 1024)" not in made, "a constant outside the host is not what its grid repeats"


def test_annotations_may_be_strings():
    source = ADD.replace("BLOCK: tl.constexpr", 'BLOCK: "tl.constexpr"')
    assert list(sources(Tiles(), source)) == list(sources(Tiles(), ADD))


def test_only_the_cap_of_a_computed_size_moves():
    capped = FLIP.replace("BLOCK=BLOCK", "BLOCK=min(4096, triton.next_power_of_2(n_cols))")
    assert set(sources(Tiles(), capped)) == {f"BLOCK 4096 -> {size}" for size in (1024, 2048, 8192, 16384)}
    assert not sources(Tiles(), FLIP.replace("BLOCK=BLOCK", "BLOCK=triton.next_power_of_2(n_cols)"))


def test_each_config_moves_by_itself():
    made = sources(Tiles(), AUTOTUNED)
    assert changed(AUTOTUNED, made["config 2 BLOCK 1024 -> 512"]) == [
        '-triton.Config({"BLOCK": 1024, "waves_per_eu": 2}, num_warps=8),',
        '+triton.Config({"BLOCK": 512, "waves_per_eu": 2}, num_warps=8),',
    ]
    assert not any("waves_per_eu" in summary.split(" ->")[0] for summary in made)


def test_two_kernels_that_share_a_constant_share_its_move():
    source = FLIP + "\n\ndef again(x, out, n):\n    flip_kernel[(1, 1)](x, out, n, BLOCK=BLOCK)\n"
    assert list(sources(Tiles(), source)) == list(sources(Tiles(), FLIP))


@pytest.mark.parametrize("literal", ["100", "0", "3", "True", "n"])
def test_what_is_no_power_of_two_stays(literal: str):
    assert not sources(Tiles(), SOFTMAX.replace("BLOCK=256", f"BLOCK={literal}"))
