"""Whether a judge may run what it was sent: every number of plans and binaries is held against limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import torch

from evo.evaluation import Stage, Status
from fitness.judge.arguments import packed_values
from fitness.judge.layout import Layout
from fitness.judge.messages import Subject
from fitness.messages import Binary
from fitness.plan import Captured, Fill, Launch, Plan, View
from fitness.plan_check import ITEM_BYTES, buffer_sizes, malformed
from fitness.verdicts import Fault

LARGEST_THREADS = 1024
LARGEST_SHARED = 1 << 20


def refusal_of(
    subject: Subject, workloads: Iterable[str], mutated: tuple[int, ...], memory_bytes: int
) -> Fault | None:
    """Return why a subject may not be run, or None.

    Args:
        subject: plans and binaries.
        workloads: names of the workloads that it must have.
        mutated: indices of the inputs that it may change.
        memory_bytes: device memory that there is.
    """
    names = [each.workload for each in subject.captured]
    if sorted(names) != sorted(workloads):
        return _rejected(f"captures of {sorted(workloads)} are expected, got {sorted(names)}")
    binaries = {each.kernel: each for each in subject.binaries}
    faults = (
        _fault_of(plan, each, binaries, mutated, memory_bytes)
        for each in subject.captured
        for plan in each.alternatives
    )
    return next((fault for fault in faults if fault), None)


def _fault_of(
    plan: Plan, captured: Captured, binaries: dict[str, Binary], mutated: tuple[int, ...], memory_bytes: int
) -> Fault | None:
    """Return what is wrong with a plan, or None."""
    where = f"workload {captured.workload}"
    if plan.workload != captured.workload:
        return _rejected(f"{where}: a plan is of workload {plan.workload}")
    fault = malformed(plan) or next(_bad_aliases(plan, mutated), None) or next(_bad_writes(plan), None)
    for launch in () if fault else plan.launches:
        fault = fault or _bad_launch(plan, launch, binaries)
    if fault:
        return _rejected(f"{where}: {fault}")
    needed = Layout.of(plan).size_bytes
    if needed > memory_bytes:
        return Fault(
            status=Status.OUT_OF_RESOURCES, stage=Stage.CHECK,
            feedback=f"{where}: {needed} bytes of buffers, the device has {memory_bytes} to give",
        )  # fmt: skip
    aliased = _aliased_output(plan)
    if aliased is not None:
        return Fault(
            status=Status.WRONG,
            stage=Stage.CHECK,
            feedback=f"{where}: output {aliased} shares memory with an input",
        )
    return None


def _bad_aliases(plan: Plan, mutated: tuple[int, ...]) -> Iterator[str]:
    """Yield what is not as captured of the inputs: each tensor is a buffer of its own, in order."""
    buffers = [each.buffer for each in plan.inputs if isinstance(each, View)]
    if buffers != list(range(len(buffers))):
        yield f"tensors among the inputs are buffers 0, 1, …, got {buffers}"
    for number in mutated:
        if not (0 <= number < len(plan.inputs) and isinstance(plan.inputs[number], View)):
            yield f"input {number} is to be changed in place, which is no tensor"


def _bad_writes(plan: Plan) -> Iterator[str]:
    """Yield which fills and outputs the judge could not carry out or copy: they would cost it its process."""
    sizes = buffer_sizes(plan)
    for number, output in enumerate(plan.outputs):
        if _repeats(output, sizes):
            yield f"output {number} of shape {output.shape} holds elements more than once"
    for step in plan.steps:
        if not isinstance(step, Fill):
            continue
        if _repeats(step.view, sizes):
            yield f"a fill of shape {step.view.shape} holds elements more than once"
        try:
            torch.empty(1, dtype=getattr(torch, step.view.dtype)).fill_(step.value)
        except (RuntimeError, OverflowError) as error:
            yield f"a fill of {step.view.dtype} with {step.value!r}: {error}"


def _repeats(view: View, sizes: Mapping[int, int]) -> bool:
    """Return whether a view has more elements than its buffer has room for."""
    return math.prod(view.shape) * ITEM_BYTES[view.dtype] > sizes[view.buffer]


def _aliased_output(plan: Plan) -> int | None:
    """Return the first output that is a view of an input, or None."""
    inputs = {each.buffer for each in plan.inputs if isinstance(each, View)}
    return next((number for number, each in enumerate(plan.outputs) if each.buffer in inputs), None)


def _bad_launch(plan: Plan, launch: Launch, binaries: dict[str, Binary]) -> str | None:
    """Return why a launch cannot be one of its binary, or None."""
    kernel = plan.kernels[launch.kernel]
    binary = binaries.get(kernel.digest)
    if binary is None:
        return f"kernel {kernel.name} has no binary"
    if binary.scratch_bytes:
        return f"kernel {kernel.name} asks for {binary.scratch_bytes} bytes of scratch a program"
    if not 1 <= binary.warps <= LARGEST_THREADS // 32 or not 0 <= binary.shared_bytes <= LARGEST_SHARED:
        return (
            f"kernel {kernel.name} has {binary.warps} warps and {binary.shared_bytes} bytes of shared memory"
        )
    try:
        packed_values(binary.parameters, launch.args, lambda _: 0)
    except ValueError as error:
        return f"kernel {kernel.name}: {error}"
    return None


def _rejected(feedback: str) -> Fault:
    return Fault(status=Status.REJECTED, stage=Stage.CHECK, feedback=feedback)
