"""Telling: what prompts say of a kernel and its evaluation, as plain data for the templates."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evo.evaluation import Bound, Measurement, Resources
from evo.objective import Individual
from evo.task import Role, Task

LONGEST_FEEDBACK = 4_000


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel on one timed workload.

    Attributes:
        workload: its name.
        latency_ms: of one call.
        speedup: over the seed kernel.
        gigabytes_per_s, teraflops_per_s: what the task needs at least, over the latency.
    """

    workload: str
    latency_ms: float
    speedup: float
    gigabytes_per_s: float
    teraflops_per_s: float


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel as prompts show it.

    Attributes:
        number: the individual.
        summary: what the operator that made it says of it.
        source: its module.
        status, stage: how and where its evaluation ended.
        feedback: what went wrong, or what is worth knowing, cut to size.
        checks: correctness checks passed and made.
        figures: whether what is said of its speed was `measured` or `modelled`.
        speedup: over the seed kernel; None unless it passed.
        rows: one a timed workload, in the task's order; empty unless it passed.
        resources: one a compiled GPU kernel.
    """

    number: int
    summary: str
    source: str
    status: str
    stage: str
    feedback: str
    checks: tuple[int, int]
    figures: str
    speedup: float | None
    rows: tuple[Row, ...]
    resources: tuple[Resources, ...]


class Contest(msgspec.Struct, frozen=True, kw_only=True):
    """Two kernels on one timed workload.

    Attributes:
        workload: its name.
        first_ms, second_ms: their latencies.
        ahead: how many times as fast the faster is.
        faster: its place, 1 or 2; 0 where they are as fast.
    """

    workload: str
    first_ms: float
    second_ms: float
    ahead: float
    faster: int


def told(individual: Individual, task: Task, seed: Individual) -> Told:
    """Return what is said of an individual that has a kernel, beside the seed kernel's latencies."""
    kernel, evaluation = individual.candidate.kernel, individual.evaluation
    if kernel is None:
        raise ValueError(f"a kernel is told of, got candidate {individual.number} without one")
    return Told(
        number=individual.number,
        summary=individual.candidate.summary,
        source=kernel.source,
        status=str(evaluation.status),
        stage=evaluation.stage.name.lower(),
        feedback=clipped(evaluation.feedback, LONGEST_FEEDBACK),
        checks=(evaluation.checks_passed, evaluation.checks_total),
        figures=str(evaluation.source),
        speedup=individual.speedup,
        rows=_rows(evaluation.measurements, task, seed.evaluation.measurements),
        resources=evaluation.resources,
    )


def contests(first: Told, second: Told) -> tuple[Contest, ...]:
    """Return how two kernels compare on the workloads that both were timed on."""
    other = {row.workload: row.latency_ms for row in second.rows}
    return tuple(
        _contest(row.workload, row.latency_ms, other[row.workload])
        for row in first.rows
        if row.workload in other
    )


def bounds_of(individuals: Sequence[Individual]) -> tuple[Bound, ...]:
    """Return what limits the kernels of some individuals, as far as it is known."""
    used = (resources for each in individuals for resources in each.evaluation.resources)
    return tuple(resources.bound for resources in used if resources.bound is not None)


def clipped(text: str, most: int) -> str:
    """Return a text of at most about so many characters, its middle left out if it is longer."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 3
    return f"{text[:head]}\n[… {len(text) - head - tail} characters left out …]\n{text[-tail:]}"


def _rows(measurements: Sequence[Measurement], task: Task, before: Sequence[Measurement]) -> tuple[Row, ...]:
    found = {each.workload: each.latency_ms for each in measurements}
    seed = {each.workload: each.latency_ms for each in before}
    return tuple(
        Row(
            workload=workload.name,
            latency_ms=found[workload.name],
            speedup=seed[workload.name] / found[workload.name],
            gigabytes_per_s=workload.bytes / found[workload.name] / 1e6,
            teraflops_per_s=workload.flops / found[workload.name] / 1e9,
        )
        for workload in task.having(Role.TIME)
        if workload.name in found and workload.name in seed
    )


def _contest(workload: str, first: float, second: float) -> Contest:
    faster = 1 if first < second else 2 if second < first else 0
    return Contest(
        workload=workload, first_ms=first, second_ms=second, faster=faster,
        ahead=max(first, second) / min(first, second),
    )  # fmt: skip
