"""Functions of bits in a ring whose highest value is known: sums over windows of neighbouring bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Tables = NDArray[np.float64]


class Windows:
    """A function of a genome of bits for each workload: one table a place, read by the bits that begin there.

    Attributes:
        bits: places in the ring.
        tables: shape (workloads, bits, 2 ** width); the value is the sum of what is read at all places.
    """

    def __init__(self, tables: Tables) -> None:
        """Take the tables.

        Raises:
            ValueError: windows wider than the ring.
        """
        self.tables = tables
        self.bits = tables.shape[1]
        self._width = int(tables.shape[2]).bit_length() - 1
        self._places = np.arange(self.bits)
        if self._width > self.bits:
            raise ValueError(f"windows must fit a ring of {self.bits} bits, got {self._width}")

    def values(self, genome: int) -> NDArray[np.float64]:
        """Return the genome's value for each workload, shape (workloads,)."""
        ring, mask = genome | genome << self.bits, 2**self._width - 1
        read = [ring >> place & mask for place in range(self.bits)]
        return np.asarray(self.tables[:, self._places, read].sum(axis=1))

    def best(self) -> int:
        """Return a genome whose mean value over the workloads is the highest there is.

        Dynamic programming along the ring, for all first windows at once: the state is all of a window but
        its last bit. 4 ** width steps a place.
        """
        means = self.tables.mean(axis=0)
        states = 2 ** (self._width - 1)
        # reached[first, state]: the best sum of a path that began in `first` and has come to `state`.
        reached = np.where(np.eye(states, dtype=bool), 0.0, -np.inf)
        came: list[NDArray[np.int64]] = []
        window = np.arange(2 * states)
        for place in range(self.bits):
            told = reached[:, window % states] + means[place, window]
            # Windows 2 s and 2 s + 1 lead to state s: their first bits differ, and leave the window.
            pairs = told.reshape(states, states, 2)
            came.append(pairs.argmax(axis=2))
            reached = pairs.max(axis=2)
        first = int(np.diagonal(reached).argmax())
        state, genome = first, 0
        for place in reversed(range(self.bits)):
            lost = int(came[place][first, state])
            genome |= lost << place
            state = (state << 1 | lost) % states
        return genome
