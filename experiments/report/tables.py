"""The tables of a report: workloads, the winner's line, failures, elites and models."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import msgspec

from evo.candidate import FREE, Spend
from evo.evaluation import Evaluation, Resources, Stage, Status
from evo.gain import gained
from evo.journal import JournalReader
from evo.task import Role, Workload
from experiments.report.devices import Roof, reached
from experiments.report.fates import Fate, RunTold

SHOWN_ELITES = 12
LONGEST_LINE = 40
"""Steps of the winner's line that are all shown."""

WORTH_A_ROW = 0.005
"""Doublings of speed that a step of a longer line has gained or lost."""

COMMONEST = 3
"""Reasons that are quoted of each way to fail."""


class WorkloadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A timed workload before and after; latencies in milliseconds with the bounds of their 99% intervals.

    Attributes:
        workload: as in the task.
        seed, best: latency, low and high.
        speedup: the seed's latency over the best's.
        seed_reached, best_reached: share of the roofline's speed; None where the device is not known.
    """

    workload: Workload
    seed: tuple[float, float, float]
    best: tuple[float, float, float]
    speedup: float
    seed_reached: float | None
    best_reached: float | None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate on the winner's line, and its speed-up over the one before; None where either has none."""

    fate: Fate
    gain: float | None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A way to fail: how many candidates ended so at which stage, and the reasons given most often."""

    status: Status
    stage: Stage
    candidates: int
    reasons: tuple[tuple[str, int], ...]


class EliteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate that was the fastest when it was settled.

    Attributes:
        fate: the candidate.
        resources: of its GPU kernels.
        reached: share of the roofline's speed by workload.
    """

    fate: Fate
    resources: tuple[Resources, ...]
    reached: tuple[float | None, ...]


class ModelCredit(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one language model; gains are log2, over the fastest parent that passed.

    Attributes:
        model: its name.
        calls: requests that it answered.
        statuses: how the candidates made from its replies ended.
        improved: those of them that gained anything.
        gain: all that they gained.
        spend: what its replies cost.
    """

    model: str
    calls: int
    statuses: dict[Status, int]
    improved: int
    gain: float
    spend: Spend

    @property
    def made(self) -> int:
        """Candidates made from its replies."""
        return sum(self.statuses.values())


def workload_rows(seed: Evaluation, best: Evaluation, run: RunTold, roofs: list[Roof]) -> list[WorkloadRow]:
    """Return each timed workload before and after."""
    floors = {roof.workload: roof for roof in roofs}
    before = {each.workload: each for each in seed.measurements}
    after = {each.workload: each for each in best.measurements}
    rows = []
    for workload in run.task.having(Role.TIME):
        if workload.name in before and workload.name in after:
            was, now, roof = before[workload.name], after[workload.name], floors.get(workload.name)
            row = WorkloadRow(
                workload=workload,
                seed=(was.latency_ms, was.low_ms, was.high_ms),
                best=(now.latency_ms, now.low_ms, now.high_ms),
                speedup=was.latency_ms / now.latency_ms,
                seed_reached=None if roof is None else reached(seed, roof),
                best_reached=None if roof is None else reached(best, roof),
            )
            rows.append(row)
    return rows


def steps(run: RunTold) -> list[Step]:
    """Return the winner's line, from the seed on; of a long one what gained or lost something, and its end.

    Empty before anything passed.
    """
    if run.winner is None:
        return []
    rows: list[Step] = []
    before: float | None = None
    line = run.line(run.winner.number)
    for number in line:
        fate = run.fates[number]
        gain = fate.speed.value / before if fate.speed and before else None
        if len(line) <= LONGEST_LINE or number in (line[0], line[-1]) or _tells(gain):
            rows.append(Step(fate=fate, gain=gain))
        before = fate.speed.value if fate.speed else before
    return rows


def _tells(gain: float | None) -> bool:
    """Return whether a step of a long line is worth a row."""
    return gain is not None and abs(math.log2(gain)) > WORTH_A_ROW


def failures(run: RunTold) -> list[Failure]:
    """Return the ways in which candidates failed, in the order of the cascade; repeats are no failures."""
    reasons: dict[tuple[Stage, Status], Counter[str]] = defaultdict(Counter)
    for fate in run.fates.values():
        if fate.status not in (Status.PASSED, Status.DUPLICATE):
            reasons[fate.stage, fate.status][fate.reason or fate.summary] += 1
    return [
        Failure(
            status=status, stage=stage, candidates=told.total(), reasons=tuple(told.most_common(COMMONEST))
        )
        for (stage, status), told in sorted(reasons.items())
    ]


def elite_rows(run: RunTold, journal: JournalReader, roofs: list[Roof]) -> list[EliteRow]:
    """Return the seed and the latest elites, each as it was told.

    Raises:
        JournalError: the journal cannot be read.
    """
    shown = dict.fromkeys([*run.elites[:1], *run.elites[1:][-SHOWN_ELITES:]])
    rows = []
    for number in shown:
        evaluation = journal.told(number)[-1].evaluation
        rows.append(EliteRow(
            fate=run.fates[number], resources=evaluation.resources,
            reached=tuple(reached(evaluation, roof) for roof in roofs),
        ))  # fmt: skip
    return rows


def model_credits(run: RunTold) -> list[ModelCredit]:
    """Return what came of each model, most gain first, by name among equals."""
    calls = [call for calls in run.calls.values() for call in calls]
    models = {call.request: call.model for call in calls}
    gains: dict[str, list[float]] = defaultdict(list)
    statuses: dict[str, Counter[Status]] = defaultdict(Counter)
    for fate in run.fates.values():
        if fate.request in models:
            model = models[fate.request]
            parents = [run.outcome(parent) for parent in fate.parents if parent in run.fates]
            gains[model].append(gained(run.outcome(fate.number), parents))
            statuses[model][fate.status] += 1
    made = [
        ModelCredit(
            model=model, calls=sum(call.model == model for call in calls), statuses=dict(statuses[model]),
            improved=sum(each > 0 for each in gains[model]), gain=math.fsum(gains[model]),
            spend=sum((call.spend for call in calls if call.model == model), start=FREE),
        )
        for model in dict.fromkeys(models.values())
    ]  # fmt: skip
    return sorted(made, key=lambda each: (-each.gain, each.model))
