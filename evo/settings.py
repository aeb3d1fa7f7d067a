"""Settings of the search itself; operators, fitness and experiments have their own."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from evo.budget import Budget
from evo.errors import SettingsError


class Mode(StrEnum):
    """How results flow back.

    Attributes:
        GENERATIONAL: they fold at a barrier, in proposal order; workers and timing change no result.
        STEADY: each counts at once for what is asked next; nobody waits for the slowest of a generation.
    """

    GENERATIONAL = "generational"
    STEADY = "steady"


MOST = 100_000
"""What a generation, a population or work in flight may count: far more than a search of days evaluates."""


class Selection(StrEnum):
    """How parents are drawn.

    Attributes:
        TOURNAMENT: the best of as many as `tournament` says, drawn with replacement.
        TRUNCATION: evenly from the best 1/`tournament` of the population.
        LEXICASE: by epsilon-lexicase on each timed workload's speed-up; tournament where none has passed.
        EFFORT: by rank and speed, and the less often the more was tried with one already; `tournament` says
            nothing.
    """

    TOURNAMENT = "tournament"
    TRUNCATION = "truncation"
    LEXICASE = "lexicase"
    EFFORT = "effort"


class PopulationKind(StrEnum):
    """Who stays on an island.

    Attributes:
        BEST: the best, as many as `population` says.
        DISTINCT: the best, as many as `population` says; of those as fast as each other the first only.
        ARCHIVE: the best of each way to use the hardware (occupancy, what limits it, tile volume), however
            many there are.
    """

    BEST = "best"
    DISTINCT = "distinct"
    ARCHIVE = "archive"


class IslandRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one island does in its own way; None does as the search does.

    Attributes:
        selection, tournament: as in `SearchRules`.
    """

    selection: Selection | None = None
    tournament: int | None = None

    def __post_init__(self) -> None:
        """Refuse what no island can run with."""
        at_least(1, "island.tournament", self.tournament)


class SearchRules(msgspec.Struct, frozen=True, kw_only=True):
    """What shapes a search's result, and so stays as it is for the whole of a run.

    Attributes:
        mode: how results flow back into the search.
        population: survivors kept at each barrier (mu) on each island.
        population_kind: who stays on an island.
        offspring: proposals a generation (lambda), of all islands in turn.
        selection: how parents are drawn.
        tournament: individuals that a parent is the best of, or drawn from what share of all.
        elites: of the former survivors, the best so many stay if they rank high enough; None lets all stay.
        islands: populations that evolve side by side; all begin with the seed kernel.
        island: how each island selects, if any in its own way; one for each.
        migration_every: generations from one migration along the ring of islands to the next.
        migrants: individuals that each island sends copies of to the next one.
        restart_after: generations without a better best after which an island begins again with the best of
            each island; None lets it be.
        patience: generations without a better best after which an island where parents are drawn by
            `effort` begins again, unless `restart_after` is given: with the founders, or with the best of all
            its beginnings, in turns. It lasts twice as long each time.
        repairs: broken candidates that may wait on each island for an operator that applies to them only.
        redraws: times that a proposal is made again if its kernel repeats one settled before, comments,
            layout and local names aside, and no model was paid for it.
        seed: 64 bits from which all randomness of the search comes.

    Raises:
        SettingsError: a count that is too small, or a seed that does not fit 64 bits.
    """

    mode: Mode = Mode.GENERATIONAL
    population: int = 16
    population_kind: PopulationKind = PopulationKind.DISTINCT
    offspring: int = 8
    selection: Selection = Selection.EFFORT
    tournament: int = 3
    elites: int | None = None
    islands: int = 1
    island: tuple[IslandRules, ...] = ()
    migration_every: int = 5
    migrants: int = 1
    restart_after: int | None = None
    patience: int = 3
    repairs: int = 0
    redraws: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no search can run with."""
        for name in ("population", "offspring", "tournament", "elites", "islands",
                     "migration_every", "migrants", "restart_after", "patience"):  # fmt: skip
            at_least(1, name, getattr(self, name))
        at_least(0, "repairs", self.repairs)
        at_least(0, "redraws", self.redraws)
        if self.elites is not None and self.mode is Mode.STEADY:
            raise SettingsError(f"search.elites goes with generational mode only, got {self.elites}")
        if self.elites is not None and self.population_kind is PopulationKind.ARCHIVE:
            raise SettingsError(f"search.elites goes with no archive, all of which stays, got {self.elites}")
        if self.island and len(self.island) != self.islands:
            raise SettingsError(
                f"search.island must be given for each of {self.islands} islands or for none, "
                f"got {len(self.island)}"
            )
        if not 0 <= self.seed < 2**64:
            raise SettingsError(f"search.seed must be 0 to 2**64 - 1, got {self.seed}")

    def selecting(self, island: int) -> tuple[Selection, int]:
        """Return the selection and the tournament size by which parents are drawn on an island."""
        own = self.island[island] if self.island else IslandRules()
        return own.selection or self.selection, own.tournament or self.tournament


class SearchSettings(SearchRules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one search: its rules, and what each session may choose anew.

    Attributes:
        budget: when to stop.
        proposals_in_flight: operators at work at once; changes no result of a generational search.
        evaluations_in_flight: evaluations under way at once; changes no result of a generational search.

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


def at_least(least: int, name: str, value: int | None) -> None:
    """Check a count, if there is one.

    Raises:
        SettingsError: it is less, or more than any search needs.
    """
    if value is not None and not least <= value <= MOST:
        raise SettingsError(f"search.{name} must be {least} to {MOST}, got {value}")
