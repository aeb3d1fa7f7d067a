"""The operators that ask models, made from settings."""

from __future__ import annotations

from collections.abc import Mapping

from operators.llm.attempts import KINDS, Attempts
from operators.llm.combine import Combine
from operators.llm.context import Cards, Exemplars
from operators.llm.contract import Provider
from operators.llm.generate import Generate
from operators.llm.made import Made
from operators.llm.operator import Desk, ModelOperator, name_of
from operators.llm.optimise import Optimise
from operators.llm.reflect import Reflect
from operators.llm.settings import LlmSettings
from operators.llm.target import Target
from operators.llm.templates import Templates
from operators.llm.traps import Traps

OPERATORS: tuple[type[ModelOperator], ...] = (Generate, Reflect, Optimise, Combine)


def llm_operators(
    settings: LlmSettings,
    weights: Mapping[str, float],
    provider: Provider,
    target: Target,
    exemplars: Exemplars | None = None,
    cards: Cards | None = None,
) -> dict[str, ModelOperator]:
    """Return the operators that ask models, by name: each kind that has a positive weight, for each model.

    Exemplars and cards are used as far as the settings say.
    """
    desk = Desk(
        settings=settings, provider=provider, target=target,
        exemplars=exemplars if settings.exemplar else None,
        cards=cards if settings.knowledge else None,
        templates=Templates(), attempts=Attempts(), traps=Traps(settings.repairs), made=Made(),
    )  # fmt: skip
    wanted = [operator for operator in OPERATORS if weights.get(operator.kind, 0.0) > 0]
    made = [operator(desk, model) for operator in wanted for model in settings.models]
    return {operator.name: operator for operator in made}


def llm_weights(settings: LlmSettings, weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights of the operators that ask models, by name: the kind's, shared among the models.

    Each model has its share of the sum over the models; without models there are none.
    """
    total = sum(model.weight for model in settings.models)
    return {
        name_of(kind, model, settings): weights[kind] * model.weight / total
        for kind in KINDS
        for model in settings.models
    }
