from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fitness.costmodel.access import Access, analyse, covered, merge

BASE = 1 << 20


def seen(addresses: np.ndarray, size: int = 4, mask: np.ndarray | None = None) -> Access:
    lanes = np.ones(addresses.shape, dtype=bool) if mask is None else mask
    found = analyse(addresses.astype(np.uint64), lanes, size, sector=32, line=128, warp=32)
    assert found is not None
    return found


def test_a_contiguous_row() -> None:
    access = seen(BASE + 4 * np.arange(1024))
    assert (access.requested, access.sectors, access.lane_sectors, access.lane_accesses) == (
        4096,
        128,
        128,
        256,
    )


def test_a_row_that_is_not_aligned_straddles_sectors_at_every_instruction() -> None:
    access = seen(BASE + 4 + 4 * np.arange(1024))
    assert (access.sectors, access.lane_sectors, access.lane_accesses) == (129, 160, 1024)


def test_a_row_read_backwards_is_not_vectorised() -> None:
    access = seen(BASE + 4 * np.arange(1024)[::-1])
    assert (access.sectors, access.lane_sectors, access.lane_accesses) == (128, 128, 1024)


def test_strided_elements_take_a_sector_each() -> None:
    access = seen(BASE + 32 * np.arange(256))
    assert (access.requested, access.sectors, access.lane_sectors) == (1024, 256, 256)


def test_a_tile_contiguous_along_its_first_dimension_coalesces_all_the_same() -> None:
    rows, columns = np.arange(64)[:, None], np.arange(16)[None, :]
    down = seen(BASE + 4 * (rows + 8192 * columns))
    across = seen(BASE + 4 * (rows.T + 8192 * columns.T))
    assert (down.sectors, down.lane_sectors) == (across.sectors, across.lane_sectors)
    assert down.lane_sectors == down.sectors == 16 * 8


def test_a_tile_contiguous_along_no_dimension_wastes_sectors() -> None:
    rows, columns = np.arange(16)[:, None], np.arange(16)[None, :]
    access = seen(BASE + 4 * (rows * 4096 + columns * 256))
    assert access.lane_sectors == access.sectors == 256


def test_masked_lanes_do_not_count_and_no_lanes_give_nothing() -> None:
    addresses = BASE + 4 * np.arange(1024)
    assert seen(addresses, mask=np.arange(1024) < 1000).requested == 4000
    assert analyse(addresses, np.zeros(1024, dtype=bool), 4, 32, 128, 32) is None


def test_a_broadcast_scalar_is_one_sector() -> None:
    access = seen(np.full(128, BASE))
    assert (access.sectors, access.lane_sectors) == (1, 1)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=80), st.sampled_from([1, 2, 4, 8]))
def test_sectors_are_those_of_a_plain_count(elements: list[int], size: int) -> None:
    addresses = BASE + size * np.array(elements)
    access = seen(addresses, size)
    touched = {byte // 32 for start in addresses for byte in (start, start + size - 1)}
    assert access.sectors == len(touched) == covered(access.first, access.last)
    assert access.lane_sectors >= access.sectors or len(elements) > 32


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20)), min_size=1, max_size=40))
def test_merged_ranges_cover_the_same_integers(ranges: list[tuple[int, int]]) -> None:
    first = np.array([start for start, _ in ranges])
    last = first + np.array([length for _, length in ranges])
    merged_first, merged_last = merge(first, last)
    expected = {at for a, b in zip(first, last, strict=True) for at in range(a, b + 1)}
    got = [at for a, b in zip(merged_first, merged_last, strict=True) for at in range(a, b + 1)]
    assert sorted(expected) == got
