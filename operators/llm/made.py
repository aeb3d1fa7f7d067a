"""Made: which kernels a run has had, comments, layout and local names aside."""

from __future__ import annotations

from collections.abc import Container

from evo.objective import Individual


class Made:
    """The first individual with each syntax. It is told of every settled individual."""

    def __init__(self) -> None:
        """Begin with none."""
        self._firsts: dict[bytes, int] = {}

    def note(self, individual: Individual) -> None:
        """Take note of a settled individual; one that was noted before changes nothing."""
        syntax = individual.candidate.syntax
        if syntax is not None:
            self._firsts.setdefault(_short(syntax), individual.number)

    def first(self, syntax: str, settled: Container[int]) -> int | None:
        """Return the first individual with this syntax; None if it is not in `settled`."""
        number = self._firsts.get(_short(syntax))
        return number if number in settled else None


def _short(digest: str) -> bytes:
    """Return half of a digest in hex, which tells kernels apart as well, for every one stays in memory."""
    return bytes.fromhex(digest[:32])
