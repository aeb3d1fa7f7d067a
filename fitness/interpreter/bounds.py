"""Checks that programs stay within the buffers of their launch.

The interpreter reads and writes raw process memory, so a stray address would crash it or silently read what
lies there. Every access is therefore checked before it is carried out: the lowest and highest address of the
lanes that take part must fall into one storage behind the launch's arguments, else each address must. This
sees reads as well as writes, needs no guard zones, and costs one pass over the addresses. Two tensors of one
storage are not told apart; inputs have storages of their own, with a gap round them.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitness.interpreter.session import Storage


class OutOfBounds(Exception):
    """A program accessed memory outside of the buffers of its launch."""


class Bounds:
    """The memory that one launch may use."""

    def __init__(self, kernel: str, storages: tuple[Storage, ...]) -> None:
        self.kernel = kernel
        self.storages = sorted(each for each in storages if each.size_bytes)
        self.starts = [each.address for each in self.storages]
        self.ends = [each.address + each.size_bytes for each in self.storages]

    def check(
        self, kind: str, addresses: NDArray[Any], mask: NDArray[np.bool_], element_bytes: int
    ) -> int | None:
        """Return the number of the storage that an access falls into, or None if it uses several or none.

        Raises:
            OutOfBounds: an address of a lane that takes part is in no storage.
        """
        used = addresses if bool(mask.all()) else addresses[mask]
        if used.size == 0:
            return None
        lowest, highest = int(used.min()), int(used.max()) + element_bytes
        at = bisect_right(self.starts, lowest) - 1
        if at >= 0 and highest <= self.ends[at]:
            return at
        inside = np.zeros(addresses.shape, dtype=bool)
        for start, end in zip(self.starts, self.ends, strict=True):
            inside |= (addresses >= np.uint64(start)) & (
                addresses + np.uint64(element_bytes) <= np.uint64(end)
            )
        stray = mask & ~inside
        if stray.any():
            raise OutOfBounds(self._describe(kind, addresses, stray, element_bytes))
        return None

    def _describe(
        self, kind: str, addresses: NDArray[Any], stray: NDArray[np.bool_], element_bytes: int
    ) -> str:
        """Say which element of the block went where."""
        index = tuple(int(each) for each in np.argwhere(stray)[0])
        address = int(addresses[index])
        count = int(np.count_nonzero(stray))
        what = (
            f"kernel {self.kernel!r}: {kind} outside of any buffer, at element {list(index)} of a block of "
            + (f"shape {list(addresses.shape)} ({count} of its {addresses.size} elements stray)")
        )
        if not self.storages:
            return f"{what}; the launch has no buffers"
        distance, near = min((_distance(each, address, element_bytes), each) for each in self.storages)
        side = "before its start" if address < near.address else "past its end"
        buffer = f"the buffer of {near.size_bytes} bytes behind {near.argument!r}"
        return f"{what}: {distance} bytes {side} of {buffer}"


def _distance(storage: Storage, address: int, element_bytes: int) -> int:
    """Return how far an element lies outside of a storage, in bytes."""
    end = storage.address + storage.size_bytes
    return storage.address - address if address < storage.address else max(0, address + element_bytes - end)
