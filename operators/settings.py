"""Settings of the operators, and the operators made from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from evo.errors import SettingsError
from evo.protocols import Operator, Portfolio
from operators.bandit import Bandit, BanditSettings
from operators.crossover import Crossover
from operators.observing import Announcing
from operators.portfolio import FixedWeights
from operators.rewrite_operator import RewriteOperator
from operators.rewrites.family import Backend, Rewrite
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.one_pass import OnePass
from operators.rewrites.tiles import Tiles
from operators.tune import Tune


class OperatorWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often each operator is asked, as a share of the sum; 0 leaves it out.

    Attributes:
        tiles: sizes of the blocks that a program works on.
        launch_options: warps, stages and what else a launch may ask of its target.
        one_pass: reductions over several passes made one-pass.
        crossover: tiles, launch options or function bodies of one parent in another; left out by default.
        tune: tiles and launch options set together, near the best setting known; left out by default.

    Raises:
        SettingsError: a weight that is negative or not finite, or none that is positive.
    """

    tiles: float = 1.0
    launch_options: float = 1.0
    one_pass: float = 1.0
    crossover: float = 0.0
    tune: float = 0.0

    def __post_init__(self) -> None:
        """Refuse weights that nothing could be drawn by."""
        for name, weight in self.by_name.items():
            if not 0 <= weight < math.inf:
                raise SettingsError(f"operators.weights.{name} must be finite and not negative, got {weight}")
        if not any(self.by_name.values()):
            raise SettingsError("at least one of operators.weights must be positive, got 0 for all")

    @property
    def by_name(self) -> dict[str, float]:
        """Every operator's weight by its name."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which operators a run asks.

    Attributes:
        weights: how often each operator is asked; under the bandit, how its floor is shared.
        portfolio: `fixed` draws by the weights alone, `bandit` also by what each operator lately gained.
        bandit: how the bandit forgets and explores.
    """

    weights: OperatorWeights = OperatorWeights()
    portfolio: Literal["fixed", "bandit"] = "fixed"
    bandit: BanditSettings = BanditSettings()


def build_operators(settings: OperatorSettings, backend: Backend) -> dict[str, Operator]:
    """Return the operators that have a positive weight, by name, for kernels built with this backend.

    Raises:
        SettingsError: a backend that does not exist.
    """
    if backend not in ("cuda", "hip"):
        raise SettingsError(f"the backend must be cuda or hip, got {backend!r}")
    rewrites: tuple[Rewrite, ...] = (Tiles(), LaunchOptions(backend), OnePass())
    made: tuple[Operator, ...] = (*map(RewriteOperator, rewrites), Crossover(backend), Tune(backend))
    operators = {operator.name: operator for operator in made}
    return {name: operators[name] for name, weight in settings.weights.by_name.items() if weight > 0}


def build_portfolio(settings: OperatorSettings, operators: Mapping[str, Operator]) -> Portfolio:
    """Return a fresh portfolio for one run, which also tells those operators that learn what was settled."""
    weights = settings.weights.by_name
    if settings.portfolio == "bandit":
        return Announcing(Bandit(weights, settings.bandit), operators.values())
    return Announcing(FixedWeights(weights), operators.values())
