"""Memory addresses of one access by a block: contiguous runs, sectors, what warps make of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Addresses = NDArray[np.int64]

VECTOR_BYTES = 16


class Access(NamedTuple):
    """What one access touches.

    Attributes:
        elements: lanes that are not masked off.
        requested: bytes that they ask for.
        first, last: sorted, disjoint ranges of sectors (numbers of sectors, both inclusive).
        sectors: distinct sectors.
        lane_sectors: sectors that each warp-wide instruction touches, summed.
        lane_lines: cache lines that each warp-wide instruction touches, summed.
        lane_accesses: addresses that go out, one for up to 16 contiguous bytes.
        lowest, highest: first byte and one past the last byte, as addresses.
    """

    elements: int
    requested: int
    first: Addresses
    last: Addresses
    sectors: int
    lane_sectors: int
    lane_lines: int
    lane_accesses: int
    lowest: int
    highest: int


def analyse(
    addresses: NDArray[Any], mask: NDArray[np.bool_], element_bytes: int, sector: int, line: int, warp: int
) -> Access | None:
    """Return what an access touches, or None if every lane is masked off.

    The lanes are taken in the order in which Triton's layout pass deals them out: the dimension with the
    smallest stride fastest (a tile that is contiguous along its first dimension coalesces as well as one
    along its last). A block whose addresses fall is not vectorised, as Triton's axis analysis sees no
    contiguity there.

    Args:
        addresses: byte addresses, any shape, 64-bit integers.
        mask: which of them are used, same shape.
        element_bytes: bytes an element.
        sector: bytes a sector.
        line: bytes a cache line.
        warp: lanes a warp.
    """
    flat = _in_memory_order(addresses, mask)
    if flat.size == 0:
        return None
    falls = bool(flat[0] > flat[-1])
    if falls:
        flat = flat[::-1]
    starts, ends = _runs(flat, element_bytes)
    vector = 1 if falls else _vector(starts, ends, flat.size, element_bytes)
    group = warp * vector * element_bytes
    lane_sectors, lane_lines = (
        _lane_pieces(flat, starts, ends, piece, group, element_bytes) for piece in (sector, line)
    )
    first, last = merge(starts // sector, (ends - 1) // sector)
    return Access(
        elements=int(flat.size), requested=int(flat.size) * element_bytes, first=first, last=last,
        sectors=covered(first, last), lane_sectors=lane_sectors, lane_lines=lane_lines,
        lane_accesses=-(-int(flat.size) // vector), lowest=int(starts.min()), highest=int(ends.max()),
    )  # fmt: skip


def merge(first: Addresses, last: Addresses) -> tuple[Addresses, Addresses]:
    """Return sorted, disjoint ranges that cover the same integers as the inclusive ranges given."""
    if first.size <= 1:
        return first, last
    if not bool((first[1:] >= first[:-1]).all()):
        order = np.argsort(first, kind="stable")
        first, last = first[order], last[order]
    reach = np.maximum.accumulate(last)
    opens = np.empty(first.size, dtype=bool)
    opens[0] = True
    np.greater(first[1:], reach[:-1] + 1, out=opens[1:])
    at = np.flatnonzero(opens)
    return first[at], reach[np.append(at[1:] - 1, first.size - 1)]


def covered(first: Addresses, last: Addresses) -> int:
    """Return how many integers disjoint inclusive ranges hold."""
    return int((last - first).sum()) + int(first.size)


def _in_memory_order(addresses: NDArray[Any], mask: NDArray[np.bool_]) -> Addresses:
    """Flatten the used addresses, the dimension with the smallest stride fastest."""
    whole = addresses.view(np.int64) if addresses.dtype != np.int64 else addresses
    everything = bool(mask.all())
    if whole.ndim > 1 and whole.size:
        strides = [_stride(whole, axis) for axis in range(whole.ndim)]
        order = sorted(range(whole.ndim), key=lambda axis: strides[axis], reverse=True)
        whole, mask = whole.transpose(order), mask.transpose(order)
    flat: Addresses = whole.reshape(-1) if everything else whole[mask]
    return flat


def _stride(whole: Addresses, axis: int) -> tuple[bool, int, int]:
    """Return what to sort a dimension by, fastest last: whether it repeats, its stride, its place."""
    corner = (0,) * whole.ndim
    if whole.shape[axis] == 1:
        return True, 0, -axis
    step = abs(int(whole[(*corner[:axis], 1, *corner[axis + 1 :])] - whole[corner]))
    return step == 0, step, -axis


def _runs(flat: Addresses, element_bytes: int) -> tuple[Addresses, Addresses]:
    """Return where contiguous runs of addresses start and end (one past the last byte), in order."""
    steps = flat[1:] - flat[:-1]
    breaks = np.flatnonzero((steps != element_bytes) & (steps != 0))
    if breaks.size == 0:
        return flat[:1], flat[-1:] + element_bytes
    starts = np.concatenate((flat[:1], flat[breaks + 1]))
    ends = np.concatenate((flat[breaks], flat[-1:])) + element_bytes
    return starts, ends


def _vector(starts: Addresses, ends: Addresses, elements: int, element_bytes: int) -> int:
    """Return how many elements one lane's instruction covers: contiguous and aligned, 16 bytes at most."""
    shortest = int((ends - starts).min()) // element_bytes
    widest = max(1, min(VECTOR_BYTES // element_bytes, shortest, elements))
    misaligned = int(np.bitwise_or.reduce(starts))
    vector = 1
    while vector * 2 <= widest and misaligned % (vector * 2 * element_bytes) == 0:
        vector *= 2
    return vector


def _lane_pieces(
    flat: Addresses, starts: Addresses, ends: Addresses, piece: int, group_bytes: int, element_bytes: int
) -> int:
    """Return the pieces (sectors, lines) that groups of lanes touch, one group an instruction of a warp."""
    if starts.size == 1:
        length = int(flat[-1] - flat[0]) + element_bytes
        groups = -(-length // group_bytes)
        straddles = int(flat[0]) % piece or group_bytes % piece
        return int((ends[0] - 1) // piece - starts[0] // piece) + 1 + (groups - 1 if straddles else 0)
    group = max(1, group_bytes // element_bytes)
    numbers = flat // piece
    changes = numbers[1:] != numbers[:-1]
    changes[group - 1 :: group] = True
    return 1 + int(np.count_nonzero(changes))
