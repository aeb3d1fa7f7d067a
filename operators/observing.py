"""Operators that learn from what was settled."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

from evo.objective import Individual
from evo.protocols import Operator, Portfolio


@runtime_checkable
class Observing(Protocol):
    """An operator that is told of every settled individual, and whose state is a fold of that alone."""

    def observe(self, individual: Individual) -> None:
        """Take note of a settled individual, the seed too; called in settling order."""


class Announcing:
    """A portfolio that hands every credit on to the operators that observe.

    Credits are all that a resumed search repeats, so that such an operator knows what it knew.
    """

    def __init__(self, portfolio: Portfolio, operators: Iterable[Operator]) -> None:
        """Take the portfolio that chooses, and the operators of which those that observe are told."""
        self._portfolio = portfolio
        self._observers = [operator for operator in operators if isinstance(operator, Observing)]

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        """Return the portfolio's choice."""
        return self._portfolio.choose(rng, names)

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        """Credit the portfolio, then tell the operators."""
        self._portfolio.credit(individual, parents)
        for observer in self._observers:
            observer.observe(individual)
