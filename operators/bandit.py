"""A portfolio that learns: operators are drawn by what they lately gained for what they cost."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec

from evo.candidate import Spend
from evo.errors import SettingsError
from evo.gain import gain
from evo.objective import Individual
from evo.proposing import FOUNDING
from evo.selection import best as best_of

Currency = Literal["evaluations", "tokens", "dollars"]

EVALUATION: Mapping[Currency, float] = MappingProxyType(
    {"evaluations": 1.0, "tokens": 2_000.0, "dollars": 0.01}
)
"""What an evaluation counts for in each currency, if the settings do not say; what was paid comes on top."""

PRIOR = 1.0  # evaluations that the mean of all operators counts for in the estimate of each


class BanditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the bandit over operators.

    Attributes:
        discount: what an evaluation still counts for when one more has been credited, below 1; 0.99 forgets
            half in 69 evaluations.
        floor: share of the draws that go by the operators' weights whatever they gained, above 0.
        currency: what gains are put in relation to: evaluations alone, or what was paid to models as well, in
            tokens or in dollars.
        evaluation: what an evaluation itself counts for in that currency, so that what no model made is not
            for nothing; None takes 1 evaluation, 2000 tokens or 0.01 dollars.

    Raises:
        SettingsError: a discount or a floor that is not between 0 and 1, or an evaluation that costs nothing.
    """

    discount: float = 0.99
    floor: float = 0.2
    currency: Currency = "evaluations"
    evaluation: float | None = None

    def __post_init__(self) -> None:
        """Refuse what would never forget or never explore."""
        if not 0 < self.discount < 1:
            raise SettingsError(f"operators.bandit.discount must be above 0 and below 1, got {self.discount}")
        if not 0 < self.floor <= 1:
            raise SettingsError(f"operators.bandit.floor must be above 0 and at most 1, got {self.floor}")
        if self.evaluation is not None and not 0 < self.evaluation < math.inf:
            raise SettingsError(
                f"operators.bandit.evaluation must be positive and finite, got {self.evaluation}"
            )

    def cost(self, spend: Spend) -> float:
        """Return what a candidate cost that this was paid for, its evaluation included."""
        paid = {"evaluations": 0.0, "tokens": float(spend.tokens), "dollars": spend.dollars}[self.currency]
        return paid + (self.evaluation or EVALUATION[self.currency])


class _Arm(msgspec.Struct):
    """Discounted sums over what an operator made."""

    made: float = 0.0
    cost: float = 0.0
    gain: float = 0.0
    squares: float = 0.0

    def fade(self, discount: float) -> None:
        """Let all that was made before count for less."""
        self.made *= discount
        self.cost *= discount
        self.gain *= discount
        self.squares *= discount


class Bandit:
    """Discounted Thompson sampling on the gain for what it costs, above a floor that starves no operator.

    Each credited individual costs one evaluation, a repeat too: it takes a place of the budget. What was paid
    for its kernel is added where the currency says so. The mean gain of an operator is estimated from
    discounted sums and shrunk towards the mean of all; its uncertainty grows back while others are asked, so
    that a change is seen. The spread is that of all gains together, which makes the draws independent of
    their unit. The gain that is drawn is put in relation to the operator's mean cost, shrunk alike; a loss
    that is drawn weighs as many times as much. The state is a fold of the credits and of nothing else.

    What has no parents gains what it has over the best before it: from nothing to what is known already is
    no gain.

    After discounted Thompson sampling with Gaussian priors (Qi, Wang and Zhu, 2023, arXiv 2305.10718).
    """

    def __init__(self, weights: Mapping[str, float], settings: BanditSettings | None = None) -> None:
        """Take the weights by which the floor is shared; a name that has none counts as 1."""
        self._weights = dict(weights)
        self._settings = settings or BanditSettings()
        self._arms: dict[str, _Arm] = {}
        self._best: list[Individual] = []

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        """Return one of the names: by weight at times, else the one with the highest gain drawn for it."""
        pooled = self._pooled()
        spread = math.sqrt(pooled.squares / pooled.made) if pooled.made > 0 else 0.0
        if spread == 0 or rng.random() < self._settings.floor:
            return self._by_weight(rng, names)
        mean, price = pooled.gain / pooled.made, pooled.cost / pooled.made
        worth = {}
        for name in names:
            arm = self._arms.get(name, _Arm())
            evidence = arm.made + PRIOR
            estimate = (arm.gain + PRIOR * mean) / evidence
            dearness = (arm.cost / price + PRIOR) / evidence
            drawn = rng.gauss(estimate, spread / math.sqrt(evidence))
            worth[name] = drawn / dearness if drawn > 0 else drawn * dearness
        return max(names, key=lambda name: worth[name])

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        """Take note of what an individual gained over its parents; founders count for none."""
        name = individual.candidate.proposal.operator
        best = self._best
        fastest = best_of([*best, individual])
        self._best = [] if fastest is None else [fastest]
        if name in FOUNDING:
            return
        for arm in self._arms.values():
            arm.fade(self._settings.discount)
        gained = gain(individual, parents or best)
        own = self._arms.setdefault(name, _Arm())
        own.made += 1.0
        own.cost += self._settings.cost(individual.candidate.spend)
        own.gain += gained
        own.squares += gained * gained

    def _pooled(self) -> _Arm:
        arms = self._arms.values()
        return _Arm(
            sum(arm.made for arm in arms), sum(arm.cost for arm in arms), sum(arm.gain for arm in arms),
            sum(arm.squares for arm in arms),
        )  # fmt: skip

    def _by_weight(self, rng: random.Random, names: Sequence[str]) -> str:
        weights = [self._weights.get(name, 1.0) for name in names]
        return rng.choices(names, weights if any(weights) else None)[0]
