"""Settings of the search itself; operators, fitness and experiments have their own."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from evo.budget import Budget
from evo.errors import SettingsError


class Mode(StrEnum):
    """How results flow back: `generational` folds them at a barrier, in proposal order."""

    GENERATIONAL = "generational"


MOST = 100_000
"""What a generation, a population or work in flight may count: far more than a search of days evaluates."""


class SearchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one search.

    Attributes:
        mode: how results flow back into the search.
        population: survivors kept at each barrier (mu).
        offspring: proposals a generation (lambda).
        tournament: individuals that a parent is the best of.
        seed: 64 bits from which all randomness of the search comes.
        budget: when to stop.
        proposals_in_flight: operators at work at once; changes no result.
        evaluations_in_flight: evaluations under way at once; changes no result.

    Raises:
        SettingsError: a count below 1 or beyond what a machine holds, or a seed that does not fit 64 bits.
    """

    mode: Mode = Mode.GENERATIONAL
    population: int = 16
    offspring: int = 16
    tournament: int = 3
    seed: int = 0
    budget: Budget = Budget(evaluations=200)
    proposals_in_flight: int = 4
    evaluations_in_flight: int = 1

    def __post_init__(self) -> None:
        """Refuse what no search can run with."""
        for name in ("population", "offspring", "tournament", "proposals_in_flight", "evaluations_in_flight"):
            if not 1 <= getattr(self, name) <= MOST:
                raise SettingsError(f"search.{name} must be 1 to {MOST}, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**64:
            raise SettingsError(f"search.seed must be 0 to 2**64 - 1, got {self.seed}")
