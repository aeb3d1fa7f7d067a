from __future__ import annotations

import pytest

from operators.rewrites.loads import Loads
from tests.operators.dense_kernels import RMS_NORM
from tests.operators.kernels import ADD, FLIP, LAYER_NORM, MATMUL, SOFTMAX, changed, sources

FAMILY = Loads()
MERGED, UNUSED = "rms_kernel 1 repeated loads merged", "rms_kernel 1 unused loads left out"
HOISTED = "rms_kernel 1 loads before loop 2"
X = "x = tl.load(x_ptr + row * n + cols, mask=mask, other=0.0)"
W = "w = tl.load(w_ptr + cols, mask=mask, other=0.0)"


def test_each_way_to_save_a_load():
    made = sources(FAMILY, RMS_NORM)
    assert list(made) == [MERGED, UNUSED, HOISTED]
    assert changed(RMS_NORM, made[MERGED]) == ["-" + X]
    assert changed(RMS_NORM, made[UNUSED]) == ["-unused = tl.load(w_ptr + cols, mask=mask)"]
    assert changed(RMS_NORM, made[HOISTED]) == ["+" + W, "-" + W]
    assert f"        {W}\n        for part in range(2):\n            total" in made[HOISTED]


def test_what_a_hoisted_load_needs_goes_before_it():
    source = RMS_NORM.replace(W, f"at = w_ptr + cols\n            {W}").replace(
        "w_ptr + cols, mask=mask, o", "at, mask=mask, o"
    )
    made = sources(FAMILY, source)[HOISTED]
    assert (
        "        at = w_ptr + cols\n        w = tl.load(at, mask=mask, other=0.0)\n        for part" in made
    )


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (W, W.replace("w_ptr + cols", "w_ptr + cols + part")),  # differs from iteration to iteration
        (W, W.replace("w_ptr + cols", "w_ptr + cols + total")),
        (W, f"{W}\n            tl.store(w_ptr + cols, w)"),  # writes what is loaded
        (W, f"{W}\n            tl.atomic_add(w_ptr, 1.0)"),
        (W, f"{W}\n            w = w * 2"),
        (W, f"if part:\n                {W}"),  # not in every iteration
        (W, f"if part:\n                break\n            {W}"),
        (W, W.replace("other=0.0", "other=0.0, volatile=True")),
        (W, f"print({W[4:]})\n            w = total"),
    ],
)
def test_a_load_is_hoisted_only_where_it_is_sure(was: str, becomes: str):
    assert was in RMS_NORM
    assert HOISTED not in sources(FAMILY, RMS_NORM.replace(was, becomes))


def test_a_load_behind_a_store_is_loaded_again():
    stored = RMS_NORM.replace("        inverse", "        tl.store(x_ptr, 0.0)\n        inverse")
    assert MERGED not in sources(FAMILY, stored)
    inner = RMS_NORM.replace(W, f"{W}\n            tl.store(x_ptr, 0.0)")
    assert MERGED not in sources(FAMILY, inner)


def test_a_load_whose_row_moved_on_is_loaded_again():
    for line in ("row += 1", "cols = cols + 1", "for row in range(2):\n            total += 1.0"):
        moved = RMS_NORM.replace("        inverse", f"        {line}\n        inverse")
        assert MERGED not in sources(FAMILY, moved)


def test_what_only_an_unused_load_needs_goes_with_it():
    source = RMS_NORM.replace(
        "unused = tl.load(w_ptr + cols, mask=mask)", "spare = w_ptr + cols\n        unused = tl.load(spare)"
    )
    made = sources(FAMILY, source)[UNUSED]
    assert "spare" not in made
    bare = RMS_NORM.replace("unused = tl.load(", "tl.load(")
    assert changed(bare, sources(FAMILY, bare)[UNUSED]) == ["-tl.load(w_ptr + cols, mask=mask)"]


@pytest.mark.parametrize(
    "use",
    ["tl.store(x_ptr, unused)", "total_2 = unused", "unused += 1", "tl.device_print('x', unused)"],
)
def test_loads_that_are_used_stay(use: str):
    source = RMS_NORM.replace("        inverse", f"        {use}\n        inverse")
    if use == "total_2 = unused":
        source = source.replace("x * inverse", "x * inverse * total_2")
    assert UNUSED not in sources(FAMILY, source)


@pytest.mark.parametrize("source", [SOFTMAX, FLIP, ADD, MATMUL, LAYER_NORM])
def test_kernels_that_waste_no_load_are_left_alone(source: str):
    assert not sources(FAMILY, source)
