"""The simulated endpoint, and the shortest scripts for it."""

from __future__ import annotations

from collections.abc import Iterable

from experiments.bench.endpoint import (
    DROPPED,
    HANGING,
    PAGE,
    WRONG_JSON,
    Answer,
    Endpoint,
    Received,
    Script,
    as_json,
    completion,
    empty,
    failure,
    serving,
)

__all__ = [
    "DROPPED", "HANGING", "PAGE", "WRONG_JSON", "Answer", "Endpoint", "Received", "Script", "as_json",
    "completion", "empty", "failure", "one_after_another", "serving",
]  # fmt: skip


def one_after_another(answers: Iterable[Answer]) -> Script:
    """Return the script that gives these answers in their order, and the last of them from then on."""
    waiting = list(answers)

    def script(received: Received) -> Answer:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return script
