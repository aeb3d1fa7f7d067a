from __future__ import annotations

import pytest

from operators.rewrites.persistent import Persistent
from tests.operators.kernels import ADD, AUTOTUNED, FLIP, SOFTMAX, changed, sources
from tests.operators.loop_kernels import ATTENTION

FAMILY = Persistent()
UNITS = "torch.cuda.get_device_properties(torch.cuda.current_device()).multi_processor_count"


def test_programs_share_the_tiles_out_among_them():
    made = sources(FAMILY, ADD)
    assert list(made) == [
        f"add_kernel one program a tile -> {n} a unit, walking over tiles" for n in (2, 4, 8, 16)
    ]
    assert [line for line in changed(ADD, list(made.values())[1]) if line[1:] not in ADD] == [
        "+def add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr, n_tiles):",
        "+for tile in range(tl.program_id(0), n_tiles, tl.num_programs(0)):",
        "+offsets = tile * BLOCK + tl.arange(0, BLOCK)",
        f"+units = {UNITS}",
        "+add_kernel[(min(blocks, 4 * units),)](",
        "+n_tiles=blocks,",
    ]


def test_a_grid_of_several_axes_becomes_one_with_the_first_axis_fastest():
    made = next(iter(sources(FAMILY, FLIP).values()))
    assert "row = (tile % n_wide).to(tl.int64)\n        cols = (tile // n_wide) * BLOCK" in made
    assert (
        f"    n_tiles = grid[0] * grid[1]\n    units = {UNITS}\n    flip_kernel[(min(n_tiles, 2 * units),)]"
        in made
    )
    made = next(iter(sources(FAMILY, ATTENTION).values()))
    assert "head = (tile // n_wide % n_high) + (tile // n_wide // n_high) * heads" in made
    assert "n_tiles = grid[0] * grid[1] * grid[2]\n" in made
    assert "WIDTH=width, n_wide=grid[0], n_high=grid[1], n_tiles=n_tiles)" in made


def test_there_is_a_way_back():
    walking = next(iter(sources(FAMILY, SOFTMAX).values()))
    back = sources(FAMILY, walking)
    assert list(back) == ["softmax_kernel walking over tiles -> one program a tile"]
    (plain,) = back.values()
    assert "    tile = tl.program_id(0)\n    # 64-bit" in plain
    assert "softmax_kernel[(n_rows,)](x, out, n_cols, BLOCK=256, num_warps=4, n_tiles=n_rows)" in plain
    assert len(sources(FAMILY, plain)) == 4


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("    for tile in ", "    row_max = 0.0\n    for tile in "),  # may be carried from tile to tile
        ("    for tile in ", "    tl.store(out_ptr, 0.0)\n    for tile in "),
        ("tl.num_programs(0)", "2 * tl.num_programs(0)"),
        ("range(tl.program_id(0), n_tiles", "range(tl.program_id(0), n_tiles - 1"),
        ("        row_sum = 0.0\n", "        row_sum = 0.0\n        if row > 5:\n            break\n"),
        ("        row_sum = 0.0\n", "        row_sum = 0.0 * tl.program_id(0)\n"),
        ("n_tiles=n_rows", "**rest"),
    ],
)
def test_walks_that_may_mean_more_are_left_alone(was: str, becomes: str):
    walking = next(iter(sources(FAMILY, SOFTMAX).values()))
    assert was in walking
    assert sources(FAMILY, walking.replace(was, becomes)) == {}


def test_a_module_without_torch_by_its_name_and_grids_of_configs_are_left_alone():
    assert sources(FAMILY, SOFTMAX.replace("import torch\n", "import torch as t\n")) == {}
    assert sources(FAMILY, AUTOTUNED) == {}
