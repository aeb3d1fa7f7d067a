"""Models: what is said of the language models that a run asks."""

from __future__ import annotations

from collections.abc import Mapping

from evo.protocols import Operator, Spending
from experiments.settings import RunSettings
from operators.llm.environment import place
from operators.llm.prices import unpriced


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
