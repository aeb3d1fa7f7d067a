"""Attempts: the strategies that models named, and what came of them. A fold of settled individuals."""

from __future__ import annotations

from collections.abc import Container, Iterable

import msgspec

from evo.evaluation import Source, Status
from evo.objective import Individual

REFLECT = "reflect"
KINDS = ("generate", REFLECT, "optimise", "combine")
"""The operators that ask a model."""
AFRESH = f"{REFLECT}, afresh"
"""What the summary of a fresh start begins with."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What one model's strategy came to.

    Attributes:
        number: the individual.
        strategy: as the model named it.
        status: how the individual's evaluation ended.
        speedup: over the seed kernel; None unless it passed.
        figures: whether the speed-up was `measured` or `modelled`.
    """

    number: int
    strategy: str
    status: Status
    speedup: float | None
    figures: Source

    @property
    def rank(self) -> tuple[float, int]:
        """Sorts the best first, the earlier among equals."""
        return (-(self.speedup or 0.0), self.number)


class Attempts:
    """All that models tried in a run, found by parent. It is told of every settled individual."""

    def __init__(self) -> None:
        """Begin with nothing tried."""
        self._made: dict[int, Attempt] = {}
        self._children: dict[int | None, list[int]] = {}

    def note(self, individual: Individual) -> None:
        """Take note of a settled individual.

        What no model made, what was noted before, repeats and what has no kernel are passed over.
        """
        candidate = individual.candidate
        if candidate.number in self._made or kind_of(individual) not in KINDS or candidate.kernel is None:
            return
        if individual.evaluation.status is Status.DUPLICATE:
            return
        self._made[candidate.number] = Attempt(
            number=candidate.number, strategy=candidate.summary.partition(": ")[2] or candidate.summary,
            status=individual.evaluation.status, speedup=individual.speedup,
            figures=individual.evaluation.source,
        )  # fmt: skip
        for parent in candidate.proposal.parents or (None,):
            self._children.setdefault(parent, []).append(candidate.number)

    def about(
        self, parents: Iterable[int], ancestors: Iterable[int], settled: Container[int], best: int, worst: int
    ) -> tuple[Attempt, ...]:
        """Return what the parents, their ancestors and their children tried, best first.

        Without parents, what else was made from nothing; what is not in `settled` is left out. One strategy
        counts once, with its best outcome, and of many the best and the worst so many are left.
        """
        own = tuple(parents)
        made = {*own, *ancestors}.intersection(self._made)
        for parent in own or (None,):
            made.update(self._children.get(parent, ()))
        tried: dict[str, Attempt] = {}
        known = (self._made[number] for number in made if number in settled)
        for attempt in sorted(known, key=lambda each: each.rank):
            tried.setdefault(attempt.strategy.casefold(), attempt)
        ranked = list(tried.values())
        return tuple(ranked if len(ranked) <= best + worst else [*ranked[:best], *ranked[-worst:]])


def kind_of(individual: Individual) -> str:
    """Return the operator's name without the model that it asked."""
    return individual.candidate.proposal.operator.partition("@")[0]
