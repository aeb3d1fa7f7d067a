"""A kernel as far as it has come before it is judged: what runs, and what must be checked."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Stage
from evo.task import Role, Task, Workload
from fitness.judge.messages import Subject
from fitness.messages import NORMAL, Binary, Case, Description
from fitness.plan import Captured, Plan
from fitness.stages import Compilation
from fitness.verdicts import Fault


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel as far as it has come before it is judged.

    Attributes:
        described: the inputs of each workload.
        captured: what the entry point does on each workload.
        binaries: the compiled kernels of the timed workloads, by `KernelIR.digest`.
        plan_digest: identity of all that.
    """

    kernel: Kernel
    task: Task
    described: tuple[Description, ...]
    captured: tuple[Captured, ...]
    binaries: dict[str, Binary]
    plan_digest: str

    @property
    def timed(self) -> list[tuple[Description, Captured]]:
        """The timed workloads: their inputs and captures."""
        return [
            pair for pair in zip(self.described, self.captured, strict=True)
            if pair[1].workload in {each.name for each in self.task.having(Role.TIME)}
        ]  # fmt: skip

    @property
    def subject(self) -> Subject:
        """All that a judge gets of it."""
        return Subject(captured=self.captured, binaries=tuple(self.binaries.values()))

    def workload(self, name: str) -> Workload:
        """Return the workload of this name."""
        return next(each for each in self.task.workloads if each.name == name)


def runnable(captured: tuple[Captured, ...], compiled: Compilation) -> tuple[Captured, ...] | Fault:
    """Return the captures without the autotune alternatives that the device cannot run, as a tuner would.

    A fault says why none of a workload's alternatives can.
    """
    kept_of = []
    for each in captured:
        faults = {plan.choice: _unbuilt(plan, compiled) for plan in each.alternatives}
        kept = tuple(plan for plan in each.alternatives if faults[plan.choice] is None)
        if not kept:
            return next(fault for fault in faults.values() if fault is not None)
        kept_of.append(Captured(workload=each.workload, alternatives=kept))
    return tuple(kept_of)


def _unbuilt(plan: Plan, compiled: Compilation) -> Fault | None:
    """Return why a kernel that a plan launches has no binary, or None."""
    for launch in plan.launches:
        unbuilt = compiled.unbuilt.get(plan.kernels[launch.kernel].digest)
        if unbuilt:
            return Fault(status=unbuilt.status, stage=Stage.COMPILE, feedback=unbuilt.feedback)
    return None


def checks_of(built: Built, cases: tuple[Case, ...]) -> Iterator[tuple[int, tuple[Case, ...]]]:
    """Yield autotune choices and what to check under each.

    Any choice that a timed workload has may be picked, so each must be right; the first on all families. A
    check workload that lacks the first choice is checked under its own first.
    """
    first_of = {each.workload: each.alternatives[0].choice for each in built.captured}
    offered = {each.workload: {plan.choice for plan in each.alternatives} for each in built.captured}
    timed = sorted({plan.choice for _, captured in built.timed for plan in captured.alternatives})
    checks: dict[int, list[Case]] = {}
    for case in cases:
        has = offered[case.workload.name]
        first = timed[0] if timed[0] in has else first_of[case.workload.name]
        checks.setdefault(first, []).append(case)
        for choice in timed[1:]:
            if choice in has and choice != first and case.family == NORMAL:
                checks.setdefault(choice, []).append(case)
    yield from ((choice, tuple(each)) for choice, each in checks.items())
