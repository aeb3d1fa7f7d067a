"""Which candidates a report draws one by one, where a run has more than a page can hold."""

from __future__ import annotations

from collections.abc import Callable

from experiments.report.fates import RunTold

MOST = 20_000
"""Candidates that are drawn at most; figures, curves and tables are always of all."""


def drawn(run: RunTold, most: int = MOST) -> list[int]:
    """Return the numbers of the candidates to draw, ascending; of more than `most`, those that matter most.

    First come the lines of all that were the best, latest first; then what others were made from, what
    passed, and what did not; each time the earliest first.
    """
    if len(run.fates) <= most:
        return list(run.fates)
    chosen = _lines(run)
    for number in sorted(run.fates, key=_ranking(run)):
        if len(chosen) >= most:
            break
        chosen[number] = None
    return sorted(list(chosen)[:most])


def weighty(run: RunTold, numbers: list[int]) -> list[int]:
    """Return the numbers in the order in which their texts are worth keeping."""
    rank, lines = _ranking(run), {number: place for place, number in enumerate(_lines(run))}
    return sorted(numbers, key=lambda number: (lines.get(number, len(lines)), *rank(number)))


def _lines(run: RunTold) -> dict[int, None]:
    """Return the lines of all that were the best, the latest first."""
    return dict.fromkeys(each for elite in reversed(run.elites) for each in run.line(elite))


def _ranking(run: RunTold) -> Callable[[int], tuple[bool, bool, int]]:
    """Return the order in which candidates matter."""
    parents = {parent for fate in run.fates.values() for parent in fate.parents}
    return lambda number: (number not in parents, not run.fates[number].passed, number)
