"""What is wrong with a task, as its own reference shows: outputs that are no test, a baseline that is none.

Used by the oracle room, on the check workloads alone. Outputs that a kernel could give without doing the work
are held against the task's own tolerance.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from evo.task import Role, Task, Tolerance, Workload
from fitness.claimed_work import wrong_bytes, wrong_flops
from fitness.comparison import fault_of
from fitness.messages import NORMAL, Case
from fitness.reference import Inputs, expected_of, inputs_of, module_of, widened

SEEDS = (1, 2)


class Sample:
    """What the reference makes of one draw of a workload's inputs.

    Attributes:
        case: workload, family and seed.
        inputs: its arguments.
        rounded, exact: its outputs, computed in the workload's dtype and in float64.
    """

    def __init__(self, task: Task, case: Case) -> None:
        self.case = case
        self.inputs = inputs_of(task, case)
        self.rounded = expected_of(task, inputs_of(task, case))
        self.exact = expected_of(task, tuple(widened(each) for each in inputs_of(task, case)))

    @property
    def workload(self) -> Workload:
        """The case's workload."""
        return self.case.workload


def faults_of_reference(task: Task) -> list[str]:
    """Return what is wrong with a task, one line a fault.

    Raises:
        Exception: whatever the reference raises.
    """
    draws = [
        tuple(Sample(task, Case(each, NORMAL, seed)) for seed in SEEDS) for each in task.having(Role.CHECK)
    ]
    if all(_alike(one.inputs, other.inputs) for one, other in draws):
        return ["make_inputs makes the same inputs whatever its generator is"]
    if any(len(one.rounded) < max(1, len(task.mutates)) for one, _ in draws):
        return [
            "reference must return the changed inputs, then the other outputs, at least one tensor in all"
        ]
    samples = [one for one, _ in draws]
    return [
        *_wrong_outputs(task, draws),
        *_wrong_families(task),
        *_wrong_baseline(task, samples),
        *_first(_wrong_bytes(task, each) for each in samples),
        *_first(_wrong_flops(task, each) for each in samples),
    ]


def _first(faults: Iterable[str | None]) -> list[str]:
    """Return the first fault: what is wrong on one workload is so on others."""
    return [fault for fault in faults if fault][:1]


def _wrong_outputs(task: Task, draws: Sequence[tuple[Sample, ...]]) -> Iterator[str]:
    """Yield which outputs are no test of a kernel: a wrong one passes wherever it is checked."""
    again = (expected_of(task, inputs_of(task, one.case)) for one, _ in draws)
    if not all(_alike(one.rounded, second) for (one, _), second in zip(draws, again, strict=True)):
        yield "reference gives other outputs when it is asked again with the same inputs"
    for number in range(min(len(one.rounded) for one, _ in draws)):
        passing = [set(_passing(task, number, one, other, task.tolerance)) for one, other in draws]
        for what in sorted(set.intersection(*passing)):
            yield f"output {number} passes on every check workload if it is {what}"
        usual = Tolerance(exact=task.tolerance.exact)
        for (one, other), loosely in zip(draws, passing, strict=True):
            for what in sorted(loosely.difference(_passing(task, number, one, other, usual))):
                yield f"tolerance lets output {number} of workload {one.workload.name} pass if it is {what}"


def _passing(task: Task, number: int, one: Sample, other: Sample, tolerance: Tolerance) -> Iterator[str]:
    """Yield what passes as an output of a sample without any work."""
    for what, output in _impostors(task, number, one, other):
        if fault_of(output, one.exact[number], one.rounded[number], tolerance) is None:
            yield what


def _impostors(task: Task, number: int, one: Sample, other: Sample) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what a kernel could give for an output of `one` without the work; `other` has other inputs."""
    right = one.rounded[number]
    yield "zeros", torch.zeros_like(right)
    yield "never written", torch.full_like(right, torch.nan if right.is_floating_point() else -1)
    yield "what other inputs give", other.rounded[number]
    if number < len(task.mutates):
        before = one.inputs[_place(task, task.mutates[number])]
        assert isinstance(before, torch.Tensor), "only a tensor can be changed in place"
        yield "the input as it was", before


def _wrong_families(task: Task) -> Iterator[str]:
    """Yield the families of which the reference makes nothing."""
    for family in task.families:
        cases = [Case(each, family, SEEDS[0]) for each in task.having(Role.CHECK)]
        outputs = [each for case in cases for each in expected_of(task, inputs_of(task, case))]
        if all(bool(each.isnan().all()) for each in outputs):
            yield f"family {family}: every output is NaN throughout"


def _wrong_baseline(task: Task, samples: Sequence[Sample]) -> Iterator[str]:
    """Yield in which way the baseline, if there is one, is not what the reference is.

    It may refuse some workloads, as torch's own functions do with some shapes, but not all.
    """
    baseline = getattr(module_of(task.reference), "baseline", None)
    if baseline is None:
        return
    refusals = []
    for sample in samples:
        inputs = inputs_of(task, sample.case)
        try:
            returned = baseline(*inputs)
        # The task's own code may raise anything; that is a fault like any other.
        except Exception as error:  # noqa: BLE001
            refusals.append(f"{type(error).__name__}: {error}")
            continue
        outputs = [inputs[_place(task, name)] for name in task.mutates]
        if returned is not None:
            outputs += returned if isinstance(returned, tuple | list) else [returned]
        told, wanted = (", ".join(map(_kind, given)) for given in (outputs, sample.rounded))
        if told != wanted:
            yield f"workload {sample.workload.name}: baseline gives {told or 'nothing'}, reference {wanted}"
            return
    if len(refusals) == len(samples):
        yield f"baseline fails on every check workload: {refusals[0]}"


def _wrong_bytes(task: Task, sample: Sample) -> str | None:
    """Return why the bytes of a sample's workload cannot be, or None."""
    changed = [_place(task, name) for name in task.mutates]
    return wrong_bytes(sample.workload, sample.inputs, changed, sample.rounded)


def _wrong_flops(task: Task, sample: Sample) -> str | None:
    """Return why the flops of a sample's workload cannot be, or None."""
    inputs = inputs_of(task, sample.case)
    return wrong_flops(sample.workload, lambda: expected_of(task, inputs), task.tolerance.exact)


def _place(task: Task, name: str) -> int:
    """Return which argument of the reference bears a name."""
    return list(inspect.signature(module_of(task.reference).reference).parameters).index(name)


def _alike(ones: Inputs, others: Inputs) -> bool:
    """Return whether values are equal, NaN being equal to NaN."""
    return all(
        torch.equal(one.nan_to_num(), other.nan_to_num())
        if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
        else one == other
        for one, other in zip(ones, others, strict=True)
    )


def _kind(value: Any) -> str:
    """Return dtype and shape of a tensor, in words."""
    if not isinstance(value, torch.Tensor):
        return type(value).__name__
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
