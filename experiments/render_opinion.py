"""What is shown of a second opinion on a run's winner: a line, and the same as plain data."""

from __future__ import annotations

from typing import Any

from evo.records import SecondOpinion


def in_words(opinion: SecondOpinion) -> str:
    """Return a second opinion in a line."""
    if opinion.against:
        return f"candidate {opinion.number} disagrees with its evaluation: {'; '.join(opinion.against)}"
    figures = ", ".join(f"{name} {each:.4f} ms" for name, each in opinion.latencies.items())
    return f"candidate {opinion.number}, run directly, is right and takes {figures} by its own word"


def opinion_data(opinion: SecondOpinion | None) -> dict[str, Any] | None:
    """Return a second opinion as data."""
    if opinion is None:
        return None
    return {
        "number": opinion.number, "agrees": not opinion.against, "against": list(opinion.against),
        "latencies": opinion.latencies,
    }  # fmt: skip
