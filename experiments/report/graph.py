"""The lineage graph as data: one column a fact, one row a candidate that is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from evo.evaluation import Status
from experiments.report.fates import Fate, Moment, RunTold, Speed
from experiments.report.wording import STATUS_WORDS


def columns(run: RunTold, numbers: Sequence[int], operators: Sequence[str]) -> dict[str, Any]:
    """Return the drawn candidates, in the order of the numbers; speed-ups are log2, parents numbers."""
    fates = [run.fates[number] for number in numbers]
    places, statuses = {name: at for at, name in enumerate(operators)}, list(STATUS_WORDS)
    return {
        "number": list(numbers),
        "parents": [fate.parents for fate in fates],
        "operator": [places[fate.operator] for fate in fates],
        "island": [fate.island for fate in fates],
        "generation": [fate.generation for fate in fates],
        "status": [statuses.index(fate.status) for fate in fates],
        "speed": [_log2(fate) for fate in fates],
        "repeats": [fate.duplicate_of for fate in fates],
        "summary": [fate.summary for fate in fates],
    }


def edges(drawn: dict[str, Any]) -> set[tuple[int, int]]:
    """Return the edges that the columns tell: parent and child."""
    rows = zip(drawn["number"], drawn["parents"], strict=True)
    return {(parent, number) for number, parents in rows for parent in parents}


def operators_of(run: RunTold, first: Iterable[str]) -> list[str]:
    """Return the names of the operators that were asked, the first ones first, the seed's own last."""
    used = {fate.operator: None for fate in run.fates.values()}
    ranked = [name for name in first if name in used]
    return [*ranked, *(name for name in used if name not in ranked)]


def statuses(run: RunTold) -> list[dict[str, Any]]:
    """Return the ways to end, in the order of the cascade, with how often each came about."""
    counts = dict.fromkeys(STATUS_WORDS, 0)
    for fate in run.fates.values():
        counts[fate.status] += 1
    return [
        {"name": status.value, "words": STATUS_WORDS[status], "count": number,
         "passed": status is Status.PASSED}
        for status, number in counts.items()
    ]  # fmt: skip


def curve(run: RunTold) -> dict[str, Any]:
    """Return when the best so far got better, and how far the run has come; one list a fact."""
    moments = [*run.improvements]
    if run.latest.speed is not None and (not moments or moments[-1] != run.latest):
        moments.append(run.latest)
    return {
        "evaluations": [each.evaluations for each in moments],
        "seconds": [_short(each.seconds) for each in moments],
        "cpu_seconds": [_short(each.cpu_seconds) for each in moments],
        "gpu_seconds": [_short(each.gpu_seconds) for each in moments],
        "tokens": [each.tokens for each in moments],
        "dollars": [_short(each.dollars) for each in moments],
        "number": [each.best for each in moments],
        "speed": [_bounds(each) for each in moments],
    }


def _bounds(moment: Moment) -> list[float]:
    """Return the speed-up at a moment, its low and its high."""
    speed = moment.speed or Speed(1.0, 1.0, 1.0)
    return [_short(speed.value), _short(speed.low), _short(speed.high)]


def _log2(fate: Fate) -> float | None:
    return round(math.log2(fate.speed.value), 5) if fate.speed else None


def _short(figure: float) -> float:
    return float(f"{figure:.6g}")
