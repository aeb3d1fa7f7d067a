"""Individuals: all that are settled in a search, of which only those in use need to be in memory."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Protocol
from weakref import WeakValueDictionary

from evo.candidate import Kernel
from evo.evaluation import Evaluation
from evo.objective import Individual

LATEST = 256
"""Individuals settled last that stay in memory whoever uses them."""


class Past(Protocol):
    """All that was told in a run, kept where it takes no memory."""

    def individual(self, number: int) -> Individual:
        """Return an individual as it was settled."""

    def verdict(self, kernel: Kernel) -> Evaluation | None:
        """Return what was told of the same kernel first, if anything."""


class Individuals(Mapping[int, Individual]):
    """All settled individuals by number, in settling order.

    By itself it holds all of them. Once it leans on a past it holds the latest and those that somebody else
    holds too (islands, repair queues, children under way); the others are read back when they are asked for.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._order = array("Q")
        self._below = 0
        self._beyond: set[int] = set()
        self._whole: MutableMapping[int, Individual] = {}
        self._latest: deque[Individual] = deque(maxlen=LATEST)
        self._past: Past | None = None

    def lean_on(self, past: Past) -> None:
        """Let go of those that the past can tell again; it must tell all that were and will be added."""
        self._whole = WeakValueDictionary(self._whole)
        self._past = past

    def add(self, individual: Individual) -> None:
        """Take the individual settled after all others."""
        self._whole[individual.number] = individual
        self._latest.append(individual)
        self._order.append(individual.number)
        self._beyond.add(individual.number)
        while self._below in self._beyond:
            self._beyond.remove(self._below)
            self._below += 1

    def first(self, count: int) -> Mapping[int, Individual]:
        """Return those that were settled first, as many as `count`, in settling order."""
        return _First(self, self._order[:count])

    def __getitem__(self, number: int) -> Individual:
        individual = self._whole.get(number)
        if individual is not None:
            return individual
        if number not in self or self._past is None:
            raise KeyError(number)
        individual = self._past.individual(number)
        self._whole[number] = individual
        return individual

    def __contains__(self, number: object) -> bool:
        return number in self._beyond or (isinstance(number, int) and 0 <= number < self._below)

    def __iter__(self) -> Iterator[int]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)


class _First(Mapping[int, Individual]):
    """Some of the individuals, which stay as they are while others are added."""

    def __init__(self, individuals: Individuals, numbers: array[int]) -> None:
        self._individuals = individuals
        self._numbers = numbers

    def __getitem__(self, number: int) -> Individual:
        if number not in self._numbers:
            raise KeyError(number)
        return self._individuals[number]

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)
