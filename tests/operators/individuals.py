"""Individuals as the engine settles them, without an engine."""

from __future__ import annotations

from evo.candidate import Candidate, Kernel, Proposal
from evo.evaluation import Evaluation, Source, Stage, Status
from evo.objective import Individual, KernelFitness, progress
from tests.standins import DEVICE, ENDS, measured


def proposal(key: int, *, number: int = 1, operator: str = "any") -> Proposal:
    return Proposal(number=number, operator=operator, parents=(0,), generation=1, key=key)


def verdict(status: Status) -> Evaluation:
    passed = status is Status.PASSED
    stage = Stage.TIME if passed else ENDS.get(status, Stage.PROPOSE)
    return Evaluation(
        status=status,
        stage=stage,
        source=Source.MODELLED,
        device=DEVICE,
        measurements=(measured("wide", 1.0),) if passed else (),
        duplicate_of=0 if status is Status.DUPLICATE else None,
    )


def individual(
    source: str | None = "",
    *,
    number: int = 0,
    operator: str = "any",
    status: Status = Status.PASSED,
    speedup: float = 0.0,
) -> Individual:
    """Return an individual with this log2 speed-up."""
    evaluation = verdict(status)
    candidate = Candidate(
        proposal=proposal(0, number=number, operator=operator),
        kernel=None if source is None else Kernel(source),
    )
    fitness = KernelFitness((progress(evaluation), speedup if evaluation.passed else 0.0))
    return Individual(candidate=candidate, evaluation=evaluation, fitness=fitness)
