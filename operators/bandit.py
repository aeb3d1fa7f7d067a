"""A portfolio that learns: operators are drawn by what they lately gained for what they cost."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

import msgspec

from evo.errors import SettingsError
from evo.gain import gain
from evo.objective import Individual
from evo.proposing import FOUNDING

PRIOR = 1.0  # evaluations that the mean of all operators counts for in the estimate of each


class BanditSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the bandit over operators.

    Attributes:
        discount: what an evaluation still counts for when one more has been credited, below 1; 0.99 forgets
            half in 69 evaluations.
        floor: share of the draws that go by the operators' weights whatever they gained, above 0.

    Raises:
        SettingsError: a discount or a floor that is not between 0 and 1.
    """

    discount: float = 0.99
    floor: float = 0.2

    def __post_init__(self) -> None:
        """Refuse what would never forget or never explore."""
        if not 0 < self.discount < 1:
            raise SettingsError(f"operators.bandit.discount must be above 0 and below 1, got {self.discount}")
        if not 0 < self.floor <= 1:
            raise SettingsError(f"operators.bandit.floor must be above 0 and at most 1, got {self.floor}")


class _Arm(msgspec.Struct):
    """Discounted sums over what an operator made."""

    cost: float = 0.0
    gain: float = 0.0
    squares: float = 0.0


class Bandit:
    """Discounted Thompson sampling on the gain for each evaluation, above a floor that starves no operator.

    Each credited individual costs one evaluation, a repeat too: it takes a place of the budget. The mean gain
    of an operator is estimated from discounted sums and shrunk towards the mean of all; its uncertainty grows
    back while others are asked, so that a change is seen. The spread is that of all gains together, which
    makes the draws independent of their unit. The state is a fold of the credits and of nothing else.

    After discounted Thompson sampling with Gaussian priors (Qi, Wang and Zhu, 2023, arXiv 2305.10718).
    """

    def __init__(self, weights: Mapping[str, float], settings: BanditSettings | None = None) -> None:
        """Take the weights by which the floor is shared; a name that has none counts as 1."""
        self._weights = dict(weights)
        self._settings = settings or BanditSettings()
        self._arms: dict[str, _Arm] = {}

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        """Return one of the names: by weight at times, else the one with the highest gain drawn for it."""
        pooled = self._pooled()
        spread = math.sqrt(pooled.squares / pooled.cost) if pooled.cost > 0 else 0.0
        if spread == 0 or rng.random() < self._settings.floor:
            return self._by_weight(rng, names)
        mean = pooled.gain / pooled.cost
        drawn = {}
        for name in names:
            arm = self._arms.get(name, _Arm())
            evidence = arm.cost + PRIOR
            estimate = (arm.gain + PRIOR * mean) / evidence
            drawn[name] = rng.gauss(estimate, spread / math.sqrt(evidence))
        return max(names, key=lambda name: drawn[name])

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        """Take note of what an individual gained over its parents; founders count for none."""
        name = individual.candidate.proposal.operator
        if name in FOUNDING:
            return
        for arm in self._arms.values():
            arm.cost *= self._settings.discount
            arm.gain *= self._settings.discount
            arm.squares *= self._settings.discount
        gained = gain(individual, parents)
        own = self._arms.setdefault(name, _Arm())
        own.cost += 1.0
        own.gain += gained
        own.squares += gained * gained

    def _pooled(self) -> _Arm:
        arms = self._arms.values()
        return _Arm(sum(a.cost for a in arms), sum(a.gain for a in arms), sum(a.squares for a in arms))

    def _by_weight(self, rng: random.Random, names: Sequence[str]) -> str:
        weights = [self._weights.get(name, 1.0) for name in names]
        return rng.choices(names, weights if any(weights) else None)[0]
