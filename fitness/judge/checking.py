"""Correctness on the device: every case is run twice, on poisoned memory, and held against the reference.

Inputs come from the CPU, outputs go back to it, and only there, only then is the expected result computed: in
no moment does the device hold it.
"""

from __future__ import annotations

import torch

from evo.evaluation import Stage, Status
from evo.task import Task
from fitness.judge.gpu import Machine
from fitness.judge.memory import POISONS, Arena, Layout
from fitness.judge.messages import Ask, Subject
from fitness.judge.replay import Replay, same_bits
from fitness.messages import Case
from fitness.plan import Plan
from fitness.reference import fault_in, inputs_of
from fitness.verdicts import Fault


class Correct:
    """All checks passed; `repeats` says whether each gave the same bits when run again."""

    def __init__(self, total: int, repeats: bool) -> None:
        self.total = total
        self.repeats = repeats


def check_all(request: Ask, machine: Machine, arena: Arena) -> Correct | Fault:
    """Run all checks of a request.

    Raises:
        DriverError: the device refuses a launch.
        RuntimeError: the device failed, or has too little memory.
    """
    total = sum(len(each.cases) for each in request.checks)
    passed, repeats = 0, True
    for checks in request.checks:
        for case in checks.cases:
            plan = plan_for(request.candidate, case.workload.name, checks.choice)
            fault = None
            if plan is None:
                fault = Fault(
                    status=Status.REJECTED, stage=Stage.CHECK,
                    feedback=f"{case.name}: there is no plan of choice {checks.choice}",
                )  # fmt: skip
            else:
                told = _check(request, plan, case, machine, arena)
                fault = told if isinstance(told, Fault) else None
                repeats = repeats and told is True
            if fault is not None:
                return Fault(
                    status=fault.status, stage=fault.stage, feedback=fault.feedback, checks_passed=passed,
                    checks_total=total,
                )  # fmt: skip
            passed += 1
    return Correct(total, repeats)


def plan_for(subject: Subject, workload: str, choice: int) -> Plan | None:
    """Return the plan of a workload under an autotune choice, or None."""
    plans = (plan for each in subject.captured if each.workload == workload for plan in each.alternatives)
    return next((plan for plan in plans if plan.choice == choice), None)


def _check(request: Ask, plan: Plan, case: Case, machine: Machine, arena: Arena) -> bool | Fault:
    """Run one case twice; return whether both gave the same bits, or what is wrong."""
    layout = Layout.of(plan)
    (slot,) = arena.slots([layout], 1, machine.memory_bytes())
    binaries = {each.kernel: each for each in request.candidate.binaries}
    replay = Replay(plan, binaries, slot.place(layout), machine, request.mutated)
    runs = []
    for poison in POISONS:
        replay.prepare(inputs_of(request.task, case), poison)
        replay.run()
        machine.wait()
        outputs = tuple(each.cpu() for each in replay.outputs())
        fault = disturbance(replay, request.task, case, "cpu")
        if fault:
            return fault
        wrong = fault_in(request.task, case, outputs)
        if wrong:
            return Fault(status=Status.WRONG, stage=Stage.CHECK, feedback=wrong)
        runs.append(outputs)
    return all(same_bits(one, other) for one, other in zip(*runs, strict=True))


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
