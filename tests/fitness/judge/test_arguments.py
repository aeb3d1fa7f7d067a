"""Argument packing: against C's own representation, and against what Triton's binaries say they take."""

from __future__ import annotations

import ctypes
import math
import re
import struct
from pathlib import Path
from typing import Any

import pytest
import triton
from hypothesis import given
from hypothesis import strategies as st
from triton.backends.compiler import GPUTarget

from fitness.devices import DEVICES
from fitness.judge.arguments import FLOATS, HIDDEN_POINTERS, INTEGERS, packed_values
from fitness.judge.driver import Packed
from fitness.plan import View

VIEW = View(buffer=0, offset=3, shape=(1,), stride=(1,), dtype="float32")
IR = """module {
  tt.func public @kernel(%arg0: !tt.ptr<f32> {tt.divisibility = 16 : i32}, %arg1: i1, %arg2: i8, %arg3: i16,
      %arg4: i32, %arg5: i64, %arg6: f16, %arg7: bf16, %arg8: f32, %arg9: f64, %arg10: !tt.ptr<i8>
      ) attributes {noinline = false} {
    tt.store %arg0, %arg8 : !tt.ptr<f32>
    tt.return
  }
}
"""
KINDS = ("!tt.ptr<f32>", "i1", "i8", "i16", "i32", "i64", "f16", "bf16", "f32", "f64", "!tt.ptr<i8>")
VALUES = (VIEW, True, -1, 300, 2**31, -5, 1.5, 1.5, 1.5, 1.5, VIEW)


def address(view: View) -> int:
    return 0x7F0000001000 + 4 * view.offset


def bits(value: Any) -> bytes:
    return bytes(value)


@pytest.mark.parametrize("arch", sorted(DEVICES))
def test_values_have_the_sizes_that_a_binary_takes(arch: str, tmp_path: Path) -> None:
    path, device = tmp_path / "kernel.ttir", DEVICES[arch]
    path.write_text(IR)
    target = GPUTarget(device.backend, device.triton_arch, device.warp_size)
    compiled = triton.compile(str(path), target=target, options={"num_warps": 1})
    packed = packed_values(KINDS, VALUES, address)
    assert _sizes(compiled.asm, device.backend) == [ctypes.sizeof(each) for each in packed]


def _sizes(asm: dict[str, str], backend: str) -> list[int]:
    """Return the sizes of a binary's parameters in bytes, as its assembly lists them."""
    if backend == "cuda":
        header = asm["ptx"][asm["ptx"].index(".entry") :].partition(")")[0]
        lines = [line for line in header.splitlines() if ".param" in line]
        arrays = [re.search(r"\[(\d+)\]", line) for line in lines]
        words = [re.search(r"\.param \.[ufbs](\d+)", line) for line in lines]
        pairs = zip(arrays, words, strict=True)
        return [int(array[1]) if array else int(word[1]) // 8 for array, word in pairs if array or word]
    arguments = asm["amdgcn"][asm["amdgcn"].index(".args:") :].partition(".group_segment")[0]
    return [int(size) for size in re.findall(r"\.size:\s+(\d+)", arguments)]


@given(st.sampled_from(sorted(INTEGERS)), st.data())
def test_integers_are_two_complements(kind: str, data: st.DataObject) -> None:
    width = max(8, int(kind[1:]))
    value = data.draw(st.integers(-(2 ** (width - 1)), 2**width - 1))
    (packed, *_) = packed_values((kind,), (value,), address)
    assert bits(packed) == (value % 2**width).to_bytes(width // 8, "little")
    for beyond in (2**width, -(2 ** (width - 1)) - 1):
        with pytest.raises(ValueError, match="does not hold"):
            packed_values((kind,), (beyond,), address)


@given(st.floats(allow_nan=False) | st.integers(-(2**40), 2**40))
def test_floats_are_rounded_as_c_does(value: float) -> None:
    half, brain, single, double = (
        bits(packed_values((kind,), (value,), address)[0]) for kind in ("f16", "bf16", "f32", "f64")
    )
    assert bits(ctypes.c_double(value)) == double
    assert bits(ctypes.c_float(value)) == single
    assert brain == single[2:]
    (told,) = struct.unpack("<e", half)
    assert math.isinf(told) if abs(value) > 65520 else told == pytest.approx(value, rel=1e-3, abs=1e-7)


def test_pointers_are_addresses_and_hidden_ones_are_null() -> None:
    packed = packed_values(("!tt.ptr<f32>",), (VIEW,), address)
    assert [each.value for each in packed] == [0x7F000000100C, 0, 0]
    assert HIDDEN_POINTERS == 2


def test_a_launch_gets_pointers_to_the_values() -> None:
    packed = Packed(packed_values(KINDS, VALUES, address))
    first, fifth = (ctypes.cast(packed.pointers[at], ctypes.POINTER(kind)).contents.value
                    for at, kind in ((0, ctypes.c_uint64), (4, ctypes.c_int32)))  # fmt: skip
    assert (first, fifth) == (0x7F000000100C, -(2**31))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("!tt.ptr<f32>", 5), ("!tt.ptr<f32>", None), ("i32", VIEW), ("i32", 1.5), ("i32", None),
        ("f32", VIEW), ("index", 1), ("tensor<4xf32>", 1.0),
    ],
)  # fmt: skip
def test_what_does_not_fit(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(kind)):
        packed_values((kind,), (value,), address)
    with pytest.raises(ValueError, match="takes 1 arguments, the launch gives 0"):
        packed_values((kind,), (), address)
    assert not set(FLOATS) & set(INTEGERS)
