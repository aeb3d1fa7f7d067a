"""Settings of the search itself; operators, fitness and experiments have their own."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from evo.budget import Budget
from evo.errors import SettingsError


class Mode(StrEnum):
    """How results flow back: `generational` folds them at a barrier, in proposal order."""

    GENERATIONAL = "generational"


class Selection(StrEnum):
    """How parents are drawn.

    Attributes:
        TOURNAMENT: the best of as many as `tournament` says, drawn with replacement.
        TRUNCATION: evenly from the best 1/`tournament` of the population.
        LEXICASE: by epsilon-lexicase on each timed workload's speed-up; tournament where none has passed.
    """

    TOURNAMENT = "tournament"
    TRUNCATION = "truncation"
    LEXICASE = "lexicase"


class SearchRules(msgspec.Struct, frozen=True, kw_only=True):
    """What shapes a search's result, and so stays as it is for the whole of a run.

    Attributes:
        mode: how results flow back into the search.
        population: survivors kept at each barrier (mu).
        offspring: proposals a generation (lambda).
        selection: how parents are drawn.
        tournament: individuals that a parent is the best of, or drawn from what share of all.
        elites: of the former survivors, the best so many stay if they rank high enough; None lets all stay.
        redraws: times that a proposal is made again if its kernel repeats one settled before.
        seed: 64 bits from which all randomness of the search comes.

    Raises:
        SettingsError: a count that is too small, or a seed that does not fit 64 bits.
    """

    mode: Mode = Mode.GENERATIONAL
    population: int = 16
    offspring: int = 16
    selection: Selection = Selection.TOURNAMENT
    tournament: int = 3
    elites: int | None = None
    redraws: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no search can run with."""
        for name, least in (("population", 1), ("offspring", 1), ("tournament", 1), ("redraws", 0)):
            at_least(least, name, getattr(self, name))
        at_least(1, "elites", 1 if self.elites is None else self.elites)
        if not 0 <= self.seed < 2**64:
            raise SettingsError(f"search.seed must be 0 to 2**64 - 1, got {self.seed}")


class SearchSettings(SearchRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one search: its rules, and what each session may choose anew.

    Attributes:
        budget: when to stop.
        proposals_in_flight: operators at work at once; changes no result.
        evaluations_in_flight: evaluations under way at once; changes no result.

    Raises:
        SettingsError: as `SearchRules`, and a count in flight below 1.
    """

    budget: Budget = Budget(evaluations=200)
    proposals_in_flight: int = 4
    evaluations_in_flight: int = 1

    def __post_init__(self) -> None:
        """Refuse what no session can run with."""
        SearchRules.__post_init__(self)
        at_least(1, "proposals_in_flight", self.proposals_in_flight)
        at_least(1, "evaluations_in_flight", self.evaluations_in_flight)


def at_least(least: int, name: str, value: int) -> None:
    """Check a count.

    Raises:
        SettingsError: it is less.
    """
    if value < least:
        raise SettingsError(f"search.{name} must be at least {least}, got {value}")
