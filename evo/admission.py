"""Admission: an evaluation that no evaluator of this search can have made is a fault of the wiring."""

from __future__ import annotations

from evo.candidate import Candidate
from evo.evaluation import Evaluation, Source, Status
from evo.task import Role, Task


def admit(candidate: Candidate, evaluation: Evaluation, task: Task, source: Source, device: str) -> None:
    """Check that a search of this task, source and device can take the evaluation.

    Raises:
        ValueError: another source or device, other workloads than the task's timed ones, DUPLICATE (which
            only the engine finds), MALFORMED with a kernel, or the reverse.
    """
    number = candidate.number
    if (evaluation.source, evaluation.device) != (source, device):
        raise ValueError(
            f"this search takes evaluations {source} on {device}, "
            f"got {evaluation.source} on {evaluation.device} for candidate {number}"
        )
    if evaluation.status is Status.DUPLICATE:
        raise ValueError(f"the engine alone finds repeats, got DUPLICATE for candidate {number}")
    if (evaluation.status is Status.MALFORMED) != (candidate.kernel is None):
        raise ValueError(f"MALFORMED goes with no kernel, got {evaluation.status} for candidate {number}")
    timed = sorted(workload.name for workload in task.having(Role.TIME))
    measured = sorted(measurement.workload for measurement in evaluation.measurements)
    if evaluation.passed and measured != timed:
        raise ValueError(f"a passed evaluation measures {timed}, got {measured} for candidate {number}")
