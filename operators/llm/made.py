"""Made: which kernels a run has had, comments, layout and local names aside."""

from __future__ import annotations

from collections.abc import Container

from evo.objective import Individual
from evo.repeats import Firsts


class Made:
    """The first individual with each syntax. It is told of every settled individual."""

    def __init__(self) -> None:
        """Begin with none."""
        self._firsts = Firsts()

    def note(self, individual: Individual) -> None:
        """Take note of a settled individual; one that was noted before changes nothing."""
        self._firsts.settle(individual.number, kernel=None, syntax=individual.candidate.syntax, plan=None)

    def first(self, syntax: str, settled: Container[int]) -> int | None:
        """Return the first individual with this syntax; None if it is not in `settled`."""
        number = self._firsts.known("syntax", syntax)
        return number if number in settled else None
