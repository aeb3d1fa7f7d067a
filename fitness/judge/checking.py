"""Correctness on the device: cases are run on poisoned memory and held against the reference.

Small cases are run twice. Their inputs come from the CPU, outputs go back to it, and only there, only then is
the expected result computed. At the timed sizes that would take too long: the reference runs on the device,
once the outputs were taken, and is wiped. In no moment of a call does the device hold its answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import torch

from evo.evaluation import Stage, Status
from evo.task import Task
from fitness.judge.gpu import Machine
from fitness.judge.large import large_cases
from fitness.judge.layout import Layout
from fitness.judge.memory import POISONS, Arena
from fitness.judge.messages import Ask, Subject
from fitness.judge.replay import Replay, same_bits
from fitness.messages import Case
from fitness.plan import Plan
from fitness.plan_check import ITEM_BYTES
from fitness.reference import fault_in, inputs_of
from fitness.verdicts import Fault

LARGEST_COPIED_BYTES = 1 << 30
"""Of outputs that are compared on the host."""


class Correct:
    """All checks passed; `repeats` says whether each gave the same bits when run again."""

    def __init__(self, total: int, repeats: bool) -> None:
        self.total = total
        self.repeats = repeats


class Trial(msgspec.Struct, frozen=True):
    """One case to run.

    Attributes:
        choice: the autotune choice.
        case: what its inputs are made from.
        device: where they are made, and where the reference runs.
        poisons: what stands in fresh memory, a run each.
    """

    choice: int
    case: Case
    device: str
    poisons: tuple[int, ...]


def trials_of(request: Ask, device: str) -> Iterator[Trial]:
    """Yield all trials of a request: its own cases, then, unless there are none, those at the timed sizes.

    Those have the one pattern in fresh memory that timed calls do not have.
    """
    for checks in request.checks:
        for case in checks.cases:
            yield Trial(checks.choice, case, "cpu", POISONS)
    if request.checks:
        for choice, case in large_cases(request):
            yield Trial(choice, case, device, POISONS[1:])


def check_all(request: Ask, machine: Machine, arena: Arena) -> Correct | Fault:
    """Run all checks of a request.

    Raises:
        DriverError: the device refuses a launch.
        RuntimeError: the device failed, or has too little memory.
    """
    trials = list(trials_of(request, str(machine.device)))
    repeats = True
    for passed, trial in enumerate(trials):
        plan = plan_for(request.candidate, trial.case.workload.name, trial.choice)
        if plan is None:
            told: bool | Fault = Fault(
                status=Status.REJECTED, stage=Stage.CHECK,
                feedback=f"{trial.case.name}: there is no plan of choice {trial.choice}",
            )  # fmt: skip
        else:
            told = _check(request, plan, trial, machine, arena)
        if isinstance(told, Fault):
            return msgspec.structs.replace(told, checks_passed=passed, checks_total=len(trials))
        repeats = repeats and told
    return Correct(len(trials), repeats)


def plan_for(subject: Subject, workload: str, choice: int) -> Plan | None:
    """Return the plan of a workload under an autotune choice, or None."""
    plans = (plan for each in subject.captured if each.workload == workload for plan in each.alternatives)
    return next((plan for plan in plans if plan.choice == choice), None)


def _check(request: Ask, plan: Plan, trial: Trial, machine: Machine, arena: Arena) -> bool | Fault:
    """Run one case as often as there are poisons; return whether all gave the same bits, or what is wrong."""
    told = sum(math.prod(each.shape) * ITEM_BYTES[each.dtype] for each in plan.outputs)
    if trial.device == "cpu" and told > LARGEST_COPIED_BYTES:
        return Fault(
            status=Status.WRONG, stage=Stage.CHECK,
            feedback=f"{trial.case.name}: {told} bytes of output, no check workload has that many",
        )  # fmt: skip
    layout = Layout.of(plan)
    (slot,) = arena.slots([layout], 1, machine.memory_bytes())
    binaries = {each.kernel: each for each in request.candidate.binaries}
    (placed,) = slot.place([layout])
    replay = Replay(plan, binaries, placed, machine, request.mutated)
    task, case, device = request.task, trial.case, trial.device
    first: tuple[torch.Tensor, ...] | None = None
    repeats = True
    for poison in trial.poisons:
        replay.prepare(inputs_of(task, case, device), poison)
        replay.run()
        machine.wait()
        outputs = tuple(each.to(device) for each in replay.outputs())
        fault = disturbance(replay, task, case, device)
        if fault:
            return fault
        if first is not None and all(map(same_bits, first, outputs)):
            continue  # what was right once is right again
        wrong = fault_in(task, case, outputs, device)
        if device != "cpu":
            machine.release()
        if wrong:
            return Fault(status=Status.WRONG, stage=Stage.CHECK, feedback=wrong)
        repeats = first is None
        first = first or outputs
    return repeats


def disturbance(replay: Replay, task: Task, case: Case, device: str) -> Fault | None:
    """Return what a call did to memory that is not its own, or None.

    Args:
        replay: after the call.
        task, case: what its inputs were made from.
        device: where they were made.
    """
    breach = replay.breach()
    if breach:
        return Fault(status=Status.CRASHED, stage=Stage.CHECK, feedback=f"{case.name}: {breach}")
    inputs = inputs_of(task, case, device)
    written = tuple(each.to(replay.device) if isinstance(each, torch.Tensor) else each for each in inputs)
    changed = replay.modified(written)
    if changed is not None:
        return Fault(
            status=Status.WRONG, stage=Stage.CHECK,
            feedback=f"{case.name}: input {changed} was modified, which the task does not say",
        )  # fmt: skip
    return None
