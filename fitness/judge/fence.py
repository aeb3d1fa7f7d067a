"""Red zones: noise that only the judge can make again, so that whatever is written there shows.

A pattern could be put right before somebody looks, and something kept there from call to call.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

import torch

from fitness.judge.layout import Span

PIECE_BYTES = 64 << 20
"""Red zones are written and read in pieces, at most so long."""


class Fence:
    """The red zones of a slot."""

    def __init__(self, memory: torch.Tensor, zones: Sequence[Span]) -> None:
        """Write noise to these zones of a slot's bytes."""
        self._memory = memory
        self._pieces = list(_pieces(zones))
        self._seed = secrets.randbits(62)
        for begin, end in self._pieces:
            noise = self._noise(begin, end)
            memory[begin:end].copy_(noise)
            noise.zero_()

    def breach(self) -> tuple[int, int] | None:
        """Return the first byte that was written to, and how many of its piece were; None if all is whole."""
        broken = [self._wrong(begin, end).any() for begin, end in self._pieces]
        if not broken or not torch.stack(broken).any():  # one look at the device for all of them
            return None
        for begin, end in self._pieces:
            wrong = self._wrong(begin, end)
            if wrong.any():
                return begin + int(wrong.int().argmax()), int(wrong.sum())
        return None

    def _wrong(self, begin: int, end: int) -> torch.Tensor:
        """Return which bytes of a piece were written to."""
        noise = self._noise(begin, end)
        wrong = self._memory[begin:end] != noise
        noise.zero_()
        return wrong

    def _noise(self, begin: int, end: int) -> torch.Tensor:
        """Return the bytes that belong to a piece; no copy of them must be left lying about."""
        device = self._memory.device
        generator = torch.Generator(device).manual_seed(self._seed + begin)
        words = torch.randint(
            2**63 - 1, (-(-(end - begin) // 8),), dtype=torch.int64, device=device, generator=generator
        )
        return words.view(torch.uint8)[: end - begin]


def _pieces(zones: Sequence[Span]) -> Iterator[Span]:
    for begin, end in zones:
        for at in range(begin, end, PIECE_BYTES):
            yield at, min(end, at + PIECE_BYTES)
