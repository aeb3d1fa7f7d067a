"""Pace: how fast a run evaluates and where its time goes, from the journal's tables; nothing is folded."""

from __future__ import annotations

import msgspec

from evo.journal import JournalReader
from evo.past import FINAL

MINUTE = 60.0


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a run evaluates, and what for; seconds of candidates under way at once add up.

    Attributes:
        active_seconds: time that the run's sessions were active.
        rate: candidates told a second of that time.
        last_minute: candidates told in the minute before now, or since the last session began, a second.
        silent_seconds: time since the last record.
        making_seconds: time that operators took, models that they asked included.
        waiting_seconds: time that candidates were under way and neither made nor evaluated.
        stage_seconds: time in each stage of evaluation, by its name; `other` is what is of none.
        cpu_seconds, gpu_seconds: what evaluations cost.
    """

    active_seconds: float
    rate: float
    last_minute: float
    silent_seconds: float
    making_seconds: float
    waiting_seconds: float
    stage_seconds: dict[str, float]
    cpu_seconds: float
    gpu_seconds: float


def pace_of(journal: JournalReader, now: float) -> Pace:
    """Return how fast a run evaluates; `now` is in seconds since the epoch.

    Raises:
        JournalError: the journal cannot be read.
    """
    query = (
        "SELECT at, kind, coalesce(body ->> '$.proposal.number', body ->> '$.number'), "
        "coalesce(body ->> '$.making_seconds', 0), "
        "coalesce(body ->> '$.evaluation.cost.wall_seconds', 0), "
        f"kind = 'told' AND {FINAL} FROM events WHERE kind IN ('opened', 'asked', 'told') ORDER BY seq"
    )
    under_way: dict[int, float] = {}
    opened = now
    told = lately = 0
    making = waiting = 0.0
    for at, kind, number, made, evaluated, final in journal.rows(query):
        if kind == "opened":
            opened = at
            under_way = dict.fromkeys(under_way, at)
            continue
        since = under_way.pop(number, at)
        if not final:
            under_way[number] = at
        if kind == "told":
            waiting += max(0.0, at - since - evaluated - (made if final else 0.0))
        if final:
            making += made
            told += 1
            lately += at > now - MINUTE
    last = journal.rows("SELECT at FROM events ORDER BY seq DESC LIMIT 1")
    [latest] = next(last, (now,))
    active = journal.active_seconds()
    cost = "body ->> '$.evaluation.cost."
    sums = ", ".join(f"total({cost}{name}_seconds')" for name in ("wall", "cpu", "gpu"))
    [(wall, cpu, gpu)] = journal.rows(f"SELECT {sums} FROM events WHERE kind = 'told'")
    window = min(MINUTE, max(now - opened, 0.0))
    return Pace(
        active_seconds=active,
        rate=told / active if active > 0 else 0.0,
        last_minute=lately / window if window > 0 else 0.0,
        silent_seconds=max(0.0, now - latest),
        making_seconds=making,
        waiting_seconds=waiting,
        stage_seconds=_stages(journal, wall),
        cpu_seconds=cpu,
        gpu_seconds=gpu,
    )


def _stages(journal: JournalReader, wall_seconds: float) -> dict[str, float]:
    """Return how the time that all evaluations took is shared by their stages."""
    query = (
        "SELECT key, total(value) FROM events, json_each(body, '$.evaluation.cost.stage_seconds') "
        "WHERE kind = 'told' GROUP BY key"
    )
    stages: dict[str, float] = dict(journal.rows(query))
    return {**stages, "other": max(0.0, wall_seconds - sum(stages.values()))}
