"""Models: which language models a run asks, and what is said of that."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evo.protocols import Operator, Spending
from experiments.settings import RunSettings
from operators.llm.environment import place, with_models
from operators.llm.prices import unpriced


def resolved(settings: RunSettings, environ: Mapping[str, str]) -> RunSettings:
    """Return the settings of a new run with the environment's models, where they name none themselves.

    Raises:
        SettingsError: a base URL that cannot be one.
    """
    llm = with_models(settings.operators.llm, environ)
    operators = msgspec.structs.replace(settings.operators, llm=llm)
    return msgspec.structs.replace(settings, operators=operators)


def asked_models(
    settings: RunSettings, operators: Mapping[str, Operator], environ: Mapping[str, str]
) -> str | None:
    """Return the line that says which models are asked and where, or None; also of whom no price is known.

    Raises:
        SettingsError: neither a key nor a base URL.
    """
    llm = settings.operators.llm
    if not any(isinstance(each, Spending) for each in operators.values()):
        return None
    names = ", ".join(model.name for model in llm.models)
    where = place(llm, environ) if llm.provider == "openai" else f"the {llm.provider}"
    line = f"asking {names} at {where}"
    unknown = unpriced(llm.models)
    return f"{line}; only tokens are counted, no price is known of {', '.join(unknown)}" if unknown else line
