"""Currency: what studies share out evenly, and the limit of a run's budget that holds each."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

import msgspec

from evo.errors import SettingsError
from experiments.study.trace import Step

SEED = 1
"""Evaluations of the seed kernel in a run. They are no part of any share: nothing is searched yet."""


class Currency(StrEnum):
    """What is spent in a search; the value is also the name of the limit in `search.budget`."""

    EVALUATIONS = "evaluations"
    LLM_CALLS = "llm_calls"
    TOKENS = "tokens"
    DOLLARS = "dollars"
    GPU_SECONDS = "gpu_seconds"
    WALL_SECONDS = "wall_seconds"

    @property
    def noun(self) -> str:
        """The currency in words, in the plural."""
        return _NOUNS[self]

    @property
    def whole(self) -> bool:
        """Whether only whole numbers of it can be spent."""
        return self in (Currency.EVALUATIONS, Currency.LLM_CALLS, Currency.TOKENS)


_NOUNS = {
    Currency.EVALUATIONS: "evaluations", Currency.LLM_CALLS: "LLM calls", Currency.TOKENS: "tokens",
    Currency.DOLLARS: "dollars", Currency.GPU_SECONDS: "GPU seconds",
    Currency.WALL_SECONDS: "seconds of wall time",
}  # fmt: skip


class Allowance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every cell of a study may spend.

    Attributes:
        currency: what is counted.
        amount: how much of it; the seed kernel's evaluation is not counted.

    Raises:
        SettingsError: an amount that is not positive and finite, or a part of what comes whole.
    """

    currency: Currency = Currency.EVALUATIONS
    amount: float

    def __post_init__(self) -> None:
        """Refuse what nothing can be bought with."""
        if not 0 < self.amount < math.inf:
            raise SettingsError(f"budget.amount must be positive and finite, got {self.amount}")
        if self.currency.whole and self.amount != int(self.amount):
            raise SettingsError(f"budget.amount of {self.currency.noun} must be whole, got {self.amount:g}")

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.amount:,g} {self.currency.noun}"

    def share(self, runs: int) -> float:
        """Return what each of so many runs may spend.

        Raises:
            SettingsError: the runs cannot have equal shares.
        """
        share = self.amount / runs
        if self.currency.whole and share != int(share):
            raise SettingsError(f"{self} cannot be shared evenly by {runs} runs")
        return int(share) if self.currency.whole else share

    def limits(self, runs: int) -> dict[str, Any]:
        """Return the limits of `search.budget` that give each of so many runs its share.

        Raises:
            SettingsError: as `share`.
        """
        share = self.share(runs)
        return {str(self.currency): share + (SEED if self.currency is Currency.EVALUATIONS else 0)}


def spent(step: Step, currency: Currency) -> float:
    """Return what a step cost; in wall time, the seconds that it was worked on."""
    if currency is Currency.WALL_SECONDS:
        return step.paid.making_seconds + step.paid.evaluating_seconds
    return float(getattr(step.paid, currency))
