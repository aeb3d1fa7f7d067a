"""What all operators of a run that ask models share."""

from __future__ import annotations

import msgspec

from evo.objective import Individual
from operators.llm.attempts import Attempts
from operators.llm.context import Cards, Exemplars
from operators.llm.contract import Provider
from operators.llm.made import Made
from operators.llm.settings import LlmSettings
from operators.llm.target import Target
from operators.llm.templates import Templates
from operators.llm.traps import Traps


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What the operators share.

    Attributes:
        settings: what is asked, and with what in the prompts.
        provider: who answers.
        target: the GPU that kernels are made for.
        exemplars, cards: what prompts hold beside the task; None where they hold nothing of it.
        templates: the prompts.
        attempts: strategies tried.
        traps: repairs that changed nothing.
        made: kernels that the run has had.
    """

    settings: LlmSettings
    provider: Provider
    target: Target
    exemplars: Exemplars | None
    cards: Cards | None
    templates: Templates
    attempts: Attempts
    traps: Traps
    made: Made

    def note(self, individual: Individual) -> None:
        """Take note of a settled individual, once however many operators tell of it."""
        self.attempts.note(individual)
        self.traps.note(individual)
        self.made.note(individual)
