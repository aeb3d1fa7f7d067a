"""From evaluations to DEAP fitness: correctness first, then speed-up over the seed kernel."""

from __future__ import annotations

import math
from typing import Protocol

import msgspec
from deap import base

from evo.candidate import Candidate
from evo.evaluation import Evaluation, Stage


class KernelFitness(base.Fitness):  # type: ignore[misc]
    """(progress through the cascade, log2 speed-up over the seed), both maximised, compared in this order.

    Both are always finite. The speed-up of an individual that has not passed is 0 and means nothing, which
    is why selectors that look at single objectives must see passed individuals only.
    """

    weights = (1.0, 1.0)


class Individual(msgspec.Struct, eq=False, frozen=True, kw_only=True, weakref=True):
    """A candidate, its evaluation as settled by the engine, and its DEAP fitness."""

    candidate: Candidate
    evaluation: Evaluation
    fitness: KernelFitness

    @property
    def number(self) -> int:
        """The candidate's number."""
        return self.candidate.number

    @property
    def speedup(self) -> float | None:
        """Geometric mean speed-up over the seed kernel; None unless it passed."""
        return float(2.0 ** self.fitness.values[1]) if self.evaluation.passed else None


class Judged(Protocol):
    """What of an evaluation says how far it came; as `Evaluation` has it."""

    @property
    def passed(self) -> bool:
        """Whether it passed."""

    @property
    def stage(self) -> Stage:
        """The stage that ended it."""

    @property
    def checks_passed(self) -> int:
        """Correctness checks passed."""

    @property
    def checks_total(self) -> int:
        """Correctness checks made."""


def progress(evaluation: Judged) -> float:
    """Return how far through the cascade an evaluation came: its stage, plus the share of checks passed.

    Passed evaluations get one more than the last stage, so that correct always beats wrong.
    """
    if evaluation.passed:
        return float(Stage.TIME) + 1.0
    share = evaluation.checks_passed / evaluation.checks_total if evaluation.checks_total else 0.0
    return float(evaluation.stage) + (share if evaluation.stage is Stage.CHECK else 0.0)


def speedups(evaluation: Evaluation, baseline: Evaluation) -> dict[str, float]:
    """Return the speed-up over the baseline for each timed workload, by name.

    Raises:
        ValueError: the two were not timed on the same device, by the same source, on the same workloads.
    """
    if (evaluation.source, evaluation.device) != (baseline.source, baseline.device):
        raise ValueError(
            f"speed-ups need one device and source, got {evaluation.source} on {evaluation.device} "
            f"against {baseline.source} on {baseline.device}"
        )
    before = {m.workload: m.latency_ms for m in baseline.measurements}
    after = {m.workload: m.latency_ms for m in evaluation.measurements}
    if before.keys() != after.keys():
        raise ValueError(f"speed-ups need the same workloads, got {sorted(after)} against {sorted(before)}")
    return {name: before[name] / after[name] for name in before}


def geometric_speedup(evaluation: Evaluation, baseline: Evaluation) -> float | None:
    """Return the geometric mean of the speed-ups over all timed workloads; None unless both passed."""
    if not (evaluation.passed and baseline.passed):
        return None
    ratios = speedups(evaluation, baseline).values()
    return float(2.0 ** (sum(map(math.log2, ratios)) / len(ratios)))


def assess(candidate: Candidate, evaluation: Evaluation, baseline: Evaluation) -> Individual:
    """Return the individual with its fitness over the baseline, the seed kernel's evaluation."""
    speedup = geometric_speedup(evaluation, baseline)
    fitness = KernelFitness((progress(evaluation), math.log2(speedup) if speedup else 0.0))
    return Individual(candidate=candidate, evaluation=evaluation, fitness=fitness)
