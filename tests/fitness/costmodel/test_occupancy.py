from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitness.costmodel.occupancy import occupancy, resident_programs, warps_per_simd
from fitness.devices import DEVICES, H200, MI300X, Device

devices = st.sampled_from(list(DEVICES.values()))
registers = st.integers(0, 256)
shared = st.integers(0, 70_000)
warps = st.sampled_from([1, 2, 4, 8, 16])


@pytest.mark.parametrize(
    ("device", "used", "expected"),
    [
        (MI300X, {"registers": 64, "shared_bytes": 0, "warps": 4}, 8),  # 8 waves a SIMD, one a program
        (MI300X, {"registers": 65, "shared_bytes": 0, "warps": 4}, 7),  # 512 / 72
        (MI300X, {"registers": 128, "shared_bytes": 0, "warps": 8}, 2),  # 4 waves a SIMD, two a program
        (MI300X, {"registers": 512, "shared_bytes": 0, "warps": 4}, 1),
        (MI300X, {"registers": 64, "shared_bytes": 20_000, "warps": 4}, 3),  # 65536 / 20000
        (MI300X, {"registers": 64, "shared_bytes": 65_537, "warps": 4}, 0),
        (MI300X, {"registers": 64, "shared_bytes": 0, "warps": 32}, 0),  # 2,048 threads
        (MI300X, {"registers": 32, "shared_bytes": 0, "warps": 1}, 32),
        (H200, {"registers": 32, "shared_bytes": 0, "warps": 4}, 16),  # 64 warps
        (H200, {"registers": 128, "shared_bytes": 0, "warps": 8}, 2),  # 65536 / (128 * 256)
        (H200, {"registers": 168, "shared_bytes": 0, "warps": 4}, 3),  # 512 / 168 warps a scheduler
        (H200, {"registers": 32, "shared_bytes": 98_304, "warps": 8}, 2),  # 233472 / (98304 + 1024)
        (H200, {"registers": 32, "shared_bytes": 232_448, "warps": 8}, 1),
        (H200, {"registers": 256, "shared_bytes": 0, "warps": 4}, 0),
        (H200, {"registers": 16, "shared_bytes": 0, "warps": 1}, 32),
    ],
)
def test_examples_computed_by_hand(device: Device, used: dict[str, int], expected: int) -> None:
    assert resident_programs(device, **used) == expected


@given(devices, registers, registers, shared, warps)
def test_more_registers_never_help(device: Device, a: int, b: int, lds: int, count: int) -> None:
    few, many = sorted((a, b))
    assert resident_programs(device, registers=few, shared_bytes=lds, warps=count) >= resident_programs(
        device, registers=many, shared_bytes=lds, warps=count
    )


@given(devices, registers, shared, shared, warps)
def test_more_shared_memory_never_helps(device: Device, used: int, a: int, b: int, count: int) -> None:
    few, many = sorted((a, b))
    assert resident_programs(device, registers=used, shared_bytes=few, warps=count) >= resident_programs(
        device, registers=used, shared_bytes=many, warps=count
    )


@given(devices, registers, shared, warps)
def test_what_is_resident_fits(device: Device, used: int, lds: int, count: int) -> None:
    programs = resident_programs(device, registers=used, shared_bytes=lds, warps=count)
    assert programs * lds <= device.shared_bytes_per_unit
    assert programs * count <= device.simds * warps_per_simd(device, used)
    assert 0 <= occupancy(device, registers=used, shared_bytes=lds, warps=count) <= 1


def test_no_warps_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one warp"):
        resident_programs(H200, registers=32, shared_bytes=0, warps=0)
