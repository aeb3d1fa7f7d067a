"""Settings of the language models and of what they are asked."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from evo.errors import SettingsError

REACHING = (
    "provider", "base_url", "calls_in_flight", "try_seconds", "deadline_seconds", "recording",
)  # fmt: skip
"""Settings that may change from session to session: who answers and with what patience, not what is asked."""


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of the ensemble.

    Attributes:
        name: as the endpoint knows it.
        weight: how often it is asked, as a share of the sum over the models.
        dollars_in, dollars_out: price of a million tokens read and written; None where it is not known, and
            then only tokens are counted.
        max_tokens: tokens that a reply may have at most, reasoning included.
        temperature: of sampling; None leaves it to the endpoint.

    Raises:
        SettingsError: a value that is out of its range.
    """

    name: str
    weight: float = 1.0
    dollars_in: float | None = None
    dollars_out: float | None = None
    max_tokens: int = 16_384
    temperature: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no model can be asked with."""
        if not self.name:
            raise SettingsError("operators.llm.models.name must not be empty")
        if not 0 < self.weight < math.inf:
            raise SettingsError(f"operators.llm.models.weight must be positive and finite, got {self.weight}")
        if self.max_tokens < 1:
            raise SettingsError(f"operators.llm.models.max_tokens must be at least 1, got {self.max_tokens}")
        for name in ("dollars_in", "dollars_out", "temperature"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise SettingsError(
                    f"operators.llm.models.{name} must be finite and not negative, got {value}"
                )
        if (self.dollars_in is None) != (self.dollars_out is None):
            raise SettingsError(
                f"operators.llm.models needs both prices or none, got dollars_in {self.dollars_in} "
                f"and dollars_out {self.dollars_out} for {self.name}"
            )


class LlmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models are asked, how, and with what in their prompts. No models, no operators that ask them.

    Attributes:
        provider: who answers: an `openai`-compatible endpoint, a `recording`, or, by files that `kernevo ask`
            writes and `kernevo tell` reads, an `exchange`.
        models: the ensemble.
        base_url: of the endpoint; empty takes OPENAI_BASE_URL, or else OpenAI's own. The key comes from
            OPENAI_API_KEY alone.
        calls_in_flight: requests that wait for replies at once.
        try_seconds: how long one try may take.
        deadline_seconds: how long all tries of one call may take together, waits between them included.
        recording: file of the recording.
        corpus: folders with kernels that may be shown as exemplars, beside the core tasks'.
        exemplar, knowledge, history, strategy: whether prompts hold a similar kernel of another task, cards
            of facts, the lineage's own past, and strategies tried.
        corrections: times that a reply without a usable kernel is sent back with the reason.
        repairs: repairs in a row of one fault, after which a line is abandoned for a fresh start.

    Raises:
        SettingsError: a value that is out of its range.
    """

    provider: Literal["openai", "recording", "exchange"] = "openai"
    models: tuple[ModelSettings, ...] = ()
    base_url: str = ""
    calls_in_flight: int = 8
    try_seconds: float = 300.0
    deadline_seconds: float = 900.0
    recording: str = ""
    corpus: tuple[str, ...] = ()
    exemplar: bool = True
    knowledge: bool = True
    history: bool = True
    strategy: bool = True
    corrections: int = 1
    repairs: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be asked."""
        for name, least in (("calls_in_flight", 1), ("corrections", 0), ("repairs", 1)):
            value = getattr(self, name)
            if value < least:
                raise SettingsError(f"operators.llm.{name} must be at least {least}, got {value}")
        for name in ("try_seconds", "deadline_seconds"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise SettingsError(f"operators.llm.{name} must be positive and finite, got {value}")
        names = [model.name for model in self.models]
        if len(set(names)) < len(names):
            raise SettingsError(f"operators.llm.models must differ in name, got {', '.join(names)}")
