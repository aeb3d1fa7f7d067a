from __future__ import annotations

import pytest

from operators.rewrites.several_rows import SeveralRows
from operators.rewrites.tiles import Tiles
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, MATMUL, SOFTMAX, changed, sources
from tests.operators.loop_kernels import ATTENTION, RMS_NORM, SQUARED

FAMILY = SeveralRows()


def test_a_program_a_row_becomes_one_a_group_of_rows():
    made = sources(FAMILY, SOFTMAX)
    assert list(made) == [f"softmax_kernel {rows} tiles a program" for rows in (2, 4, 8)]
    lines = changed(SOFTMAX, made["softmax_kernel 4 tiles a program"])
    assert [line for line in lines if line[1:] not in SOFTMAX] == [
        "+def softmax_kernel(x_ptr, out_ptr, n_cols, BLOCK: tl.constexpr, n_tiles, GROUP: tl.constexpr):",
        "+first = tl.program_id(0) * GROUP",
        "+for tile in range(first, tl.minimum(first + GROUP, n_tiles)):",
        "+row = tile.to(tl.int64)",
        "+softmax_kernel[(triton.cdiv(n_rows, 4),)]"
        "(x, out, n_cols, BLOCK=256, num_warps=4, n_tiles=n_rows, GROUP=4)",
    ]


def test_each_axis_that_the_kernel_asks_for_can_be_grouped():
    made = sources(FAMILY, FLIP)
    assert len(made) == 6
    last = made["flip_kernel 2 tiles a program along axis 1"]
    assert "flip_kernel[(grid[0], triton.cdiv(grid[1], 2))](x, out" in last
    assert "cols = tile * BLOCK + tl.arange(0, BLOCK)" in last
    assert len(sources(FAMILY, ATTENTION)) == 9


def test_a_count_without_a_word_gets_one_and_the_launch_keeps_its_layout():
    made = sources(FAMILY, ADD)["add_kernel 8 tiles a program"]
    assert "    add_kernel[(triton.cdiv(blocks, 8),)](\n        x,\n" in made
    assert "        BLOCK=512,  # the tile\n        n_tiles=blocks,\n        GROUP=8,\n    )\n" in made
    made = sources(FAMILY, MATMUL)["matmul_kernel 2 tiles a program along axis 0"]
    assert "    n_tiles = triton.cdiv(n, BLOCK_M)\n    matmul_kernel[(triton.cdiv(n_tiles, 2), " in made


def test_a_count_that_the_kernel_is_told_already_is_not_told_twice():
    source = SOFTMAX.replace("n_cols, BLOCK: ", "n_cols, count, BLOCK: ").replace(
        "out, n_cols, ", "out, n_cols, n_rows, "
    )
    made = sources(FAMILY, source)["softmax_kernel 2 tiles a program"]
    assert "tl.minimum(first + GROUP, count)" in made
    assert "n_tiles" not in made


def test_parameters_that_are_assigned_to_start_anew_and_the_docstring_stays_first():
    made = sources(FAMILY, RMS_NORM)["rms_norm_kernel 4 tiles a program"]
    assert '    """One program a row."""\n    first = ' in made
    assert (
        "        x_ptr_now = x_ptr\n        row = tile\n        x_ptr_now += row * stride\n"
        in made.replace("        out_ptr_now = out_ptr\n", "").replace(
            "        out_ptr_now += row * stride\n", ""
        )
    )


def test_behind_a_default_parameters_have_defaults():
    made = sources(FAMILY, SQUARED)["squared_kernel 2 tiles a program"]
    assert "BLOCK: tl.constexpr = 64, n_tiles = 0, GROUP: tl.constexpr = 0):" in made
    assert "start = tile.to(tl.int64) * BLOCK" in made


def test_the_group_is_a_tile_that_moves_with_its_grid():
    made = sources(FAMILY, SOFTMAX)["softmax_kernel 4 tiles a program"]
    assert (
        "triton.cdiv(n_rows, 8),)](x, out, n_cols, BLOCK=256, num_warps=4, n_tiles=n_rows, GROUP=8"
        in sources(Tiles(), made)["GROUP 4 -> 8"]
    )


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("row = tl.program_id(0)", "row = tl.program_id(axis)"),
        ("row = tl.program_id(0)", "row = (tl.program_id(0) + 0 * tl.num_programs(0))"),
        ("    x_row = ", "    if row > 5:\n        return\n    x_row = "),
        ("    x_row = ", "    tl.atomic_cas(out_ptr, 0, 1)\n    x_row = "),
        ("(n_rows,)", "rows_of(x)"),
        ("(n_rows,)", "(*shape, 1)"),
        ("(n_rows,)", "lambda meta: (triton.cdiv(n_rows, meta['OTHER']),)"),
        ("x, out, n_cols, BLOCK", "*tensors, n_cols, BLOCK"),
        ("num_warps=4", "**options"),
        ("    softmax_kernel[", "    compiled = softmax_kernel["),
        ("import triton\n", "import triton as t\n"),
        ("BLOCK: tl.constexpr", "*, BLOCK: tl.constexpr"),
        ("    x_row = ", "    BLOCK = 2\n    x_row = "),
        ("(n_rows,)", "grid"),
    ],
)
def test_what_cannot_be_told_is_left_alone(was: str, becomes: str):
    assert was in SOFTMAX
    assert sources(FAMILY, SOFTMAX.replace(was, becomes)) == {}


def test_kernels_in_groups_and_grids_of_configs_are_left_alone():
    grouped = sources(FAMILY, SOFTMAX)["softmax_kernel 4 tiles a program"]
    assert sources(FAMILY, grouped) == {}
    assert sources(FAMILY, AUTOTUNED) == {}
