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
from operators.llm.attempts import KINDS
from operators.llm.build import llm_operators, llm_weights
from operators.llm.context import Cards, Exemplars
from operators.llm.contract import Provider
from operators.llm.settings import LlmSettings
from operators.llm.target import Target
from operators.observing import Announcing
from operators.portfolio import FixedWeights
from operators.rewrite_operator import RewriteOperator
from operators.rewrites.alignment_hints import AlignmentHints
from operators.rewrites.cache_hints import CacheHints
from operators.rewrites.constant_sizes import ConstantSizes
from operators.rewrites.exp2 import Exp2
from operators.rewrites.family import Backend, Rewrite
from operators.rewrites.helpers import Helpers
from operators.rewrites.launch_options import LaunchOptions
from operators.rewrites.loads import Loads
from operators.rewrites.loop_options import LoopOptions
from operators.rewrites.one_pass import OnePass
from operators.rewrites.persistent import Persistent
from operators.rewrites.precision import Precision
from operators.rewrites.program_order import ProgramOrder
from operators.rewrites.reciprocal import Reciprocal
from operators.rewrites.several_rows import SeveralRows
from operators.rewrites.split_k import SplitK
from operators.rewrites.split_row import SplitRow
from operators.rewrites.tiles import Tiles
from operators.rewrites.unmask import Unmask
from operators.settled import Settled


class OperatorWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often each operator is asked, as a share of the sum; 0 leaves it out.

    Attributes:
        alignment_hints: what the source proves of indices and sizes, told to the compiler.
        cache_hints: which loads and stores bypass a cache or are evicted first or last.
        constant_sizes: lengths of rows made constants, whose divisors the compiler then sees.
        exp2: exponentials and logarithms in base 2.
        helpers: functions that kernels call put into them, and parts of kernels made such functions.
        launch_options: warps, stages and what else a launch may ask of its target.
        loads: repeated, unused and loop-invariant loads saved.
        loop_options: stages, unrolling and flattening of loops.
        one_pass: reductions over several passes made one-pass.
        persistent: as many programs as the device holds, walking over tiles, instead of one a tile; and back.
        precision: how exactly dots, sums and loaded values are computed.
        program_order: the order in which programs take the tiles of a grid.
        reciprocal: divisions made products.
        several_rows: several rows or tiles a program.
        split_k: products split along K, their parts added up by a second kernel.
        split_row: a row in two blocks, of a power of two and for the rest, instead of one that is far longer.
        tiles: sizes of the blocks that a program works on.
        unmask: masks left out where lengths are multiples of blocks.
        crossover: tiles, launch options or function bodies of one parent in another.
        tune: tiles and launch options set together, near the best setting known.
        generate: a kernel that a model writes from the task alone.
        reflect: a broken kernel that a model repairs from the feedback; `search.repairs` says how many wait.
        optimise: a kernel that a model rewrites for speed.
        combine: two kernels of which a model makes one.

    The last four count only where there are models (`operators.llm.models`), among which each is shared.

    Raises:
        SettingsError: a weight that is negative or not finite, or none that is positive.
    """

    alignment_hints: float = 0.25
    cache_hints: float = 0.25
    constant_sizes: float = 0.5
    exp2: float = 0.25
    helpers: float = 0.1
    launch_options: float = 1.0
    loads: float = 0.5
    loop_options: float = 0.5
    one_pass: float = 1.0
    persistent: float = 0.5
    precision: float = 0.25
    program_order: float = 0.5
    reciprocal: float = 0.25
    several_rows: float = 1.0
    split_k: float = 0.5
    split_row: float = 0.5
    tiles: float = 2.0
    unmask: float = 0.5
    crossover: float = 0.5
    tune: float = 2.0
    generate: float = 1.4
    reflect: float = 5.7
    optimise: float = 5.7
    combine: float = 1.4

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
        bandit: how the bandit forgets and explores, and what it counts as cost.
        rewrites: whether kernels are changed without a model; false leaves out all that asks none, crossover
            and tuning too, whatever their weights.
        llm: the language models that operators ask, and what they are asked with.

    Raises:
        SettingsError: no operator is left, or the bandit counts dollars that nobody knows.
    """

    weights: OperatorWeights = OperatorWeights()
    portfolio: Literal["fixed", "bandit"] = "fixed"
    bandit: BanditSettings = BanditSettings()
    rewrites: bool = True
    llm: LlmSettings = LlmSettings()

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to ask, or nothing to count."""
        if not any(self.weights_by_name.values()):
            raise SettingsError(
                f"at least one operator must be left, got operators.rewrites = {str(self.rewrites).lower()}, "
                f"{len(self.llm.models)} models and no weight for what they leave"
            )
        unpriced = [model.name for model in self.llm.models if model.dollars_in is None]
        if self.portfolio == "bandit" and self.bandit.currency == "dollars" and unpriced:
            raise SettingsError(
                f"operators.bandit.currency dollars needs the prices of all models, got none for "
                f"{', '.join(unpriced)}"
            )

    @property
    def weights_by_name(self) -> dict[str, float]:
        """The weight of each operator that these settings allow, by the name that it goes by in a run."""
        own = self.weights.by_name
        rest = {name: weight for name, weight in own.items() if self.rewrites and name not in KINDS}
        return {**rest, **llm_weights(self.llm, own)}


def build_operators(
    settings: OperatorSettings,
    backend: Backend,
    provider: Provider | None = None,
    target: Target | None = None,
    exemplars: Exemplars | None = None,
    cards: Cards | None = None,
) -> dict[str, Operator]:
    """Return the operators that have a positive weight, by name, for kernels built with this backend.

    Args:
        settings: which operators, and how they work.
        backend: Triton's backend.
        provider: who answers what operators ask models; None takes the one that the settings name.
        target: what models are told of the GPU; needed where there are models.
        exemplars, cards: what else models are shown, as far as the settings say.

    Raises:
        SettingsError: a backend that does not exist, or a provider that cannot be had.
        ValueError: there are models and no target.
    """
    if backend not in ("cuda", "hip"):
        raise SettingsError(f"the backend must be cuda or hip, got {backend!r}")
    rewrites: tuple[Rewrite, ...] = (
        AlignmentHints(),
        CacheHints(backend),
        ConstantSizes(),
        Exp2(),
        Helpers(),
        LaunchOptions(backend),
        Loads(),
        LoopOptions(),
        OnePass(),
        Persistent(),
        Precision(backend),
        ProgramOrder(backend),
        Reciprocal(),
        SeveralRows(),
        SplitK(),
        SplitRow(),
        Tiles(),
        Unmask(),
    )
    settled = Settled()
    rewriting = [RewriteOperator(rewrite, settled=settled) for rewrite in rewrites]
    made: list[Operator] = [*rewriting, Crossover(backend)]
    if settings.weights.tune > 0:
        from operators.tune import Tune  # imports Optuna, which takes a second

        made.append(Tune(backend))
    weights = settings.weights_by_name
    if any(weights[name] > 0 for name in llm_weights(settings.llm, settings.weights.by_name)):
        if target is None:
            raise ValueError("operators that ask models must be told of their target, got None")
        if provider is None:
            from operators.llm.providers import (
                provider_for,
            )  # imports the openai package, which takes a second

            provider = provider_for(settings.llm)
        asking = llm_operators(settings.llm, settings.weights.by_name, provider, target, exemplars, cards)
        made.extend(asking.values())
    operators = {operator.name: operator for operator in made}
    return {name: operators[name] for name, weight in weights.items() if weight > 0}


def build_portfolio(settings: OperatorSettings, operators: Mapping[str, Operator]) -> Portfolio:
    """Return a fresh portfolio for one run, which also tells those operators that learn what was settled."""
    weights = settings.weights_by_name
    if settings.portfolio == "bandit":
        return Announcing(Bandit(weights, settings.bandit), operators.values())
    return Announcing(FixedWeights(weights), operators.values())
