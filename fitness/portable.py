"""Measured on a GPU that is not the target: kernels must build for the target all the same."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Cost, Evaluation, Source, Stage, Status
from evo.protocols import KnownPlan, SparingEvaluator
from evo.task import Role, Task
from fitness.building import Builder
from fitness.devices import Device
from fitness.once import Once
from fitness.rooms import Rooms
from fitness.settings import StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault

ROLES = (Role.CHECK, Role.TIME)


class Gate:
    """Says whether kernels can be captured and compiled for a target, within its limits.

    Of an autotuned kernel at least one alternative a workload must be.
    """

    def __init__(self, rooms: Rooms, target: Device, limits: StageLimits) -> None:
        self.target = target
        self._rooms = rooms
        self._limits = limits
        self._builder = Builder(ROLES)
        self._faults: Once[Fault | None] = Once(
            lambda each: each is None or each.status is not Status.TIMEOUT
        )

    def stages(self) -> Stages:
        """Return the stages of one evaluation."""
        return Stages(self._rooms, self.target.arch, self._limits)

    async def fault(self, kernel: Kernel, task: Task, stages: Stages) -> Fault | None:
        """Return why a kernel does not come through the gate, or None; the same kernel is tried once.

        Raises:
            SandboxError, TaskError: as `Builder.build`.
        """
        return await self._faults.get((task.digest, kernel.digest), lambda: self._found(kernel, task, stages))

    def cancel(self) -> None:
        """Give up what is under way."""
        self._builder.cancel()
        self._faults.cancel()

    async def _found(self, kernel: Kernel, task: Task, stages: Stages) -> Fault | None:
        built = await self._builder.build(kernel, task, stages)
        if not isinstance(built, Fault):
            return None
        if built.stage is Stage.POLICY:  # that is said of the source, for whatever device
            return built
        told = f"for the target {self.target.arch} ({self.target.product}): {built.feedback}"
        return msgspec.structs.replace(built, feedback=told)


class GatedEvaluator:
    """An evaluator behind a gate; what it calls the device says that this is not the target."""

    def __init__(self, evaluator: SparingEvaluator, gate: Gate) -> None:
        self._evaluator = evaluator
        self._gate = gate

    @property
    def source(self) -> Source:
        """As of the evaluator behind it."""
        return self._evaluator.source

    @property
    def device(self) -> str:
        """The device that is measured on, and which one is not."""
        return beside_the_target(self._evaluator.device, self._gate.target)

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the gate's fault, or the verdict of the evaluator behind it.

        Raises:
            RunFailure: as the evaluator behind it.
        """
        return await self._gated(kernel, task, lambda: self._evaluator.evaluate(kernel, task))

    async def evaluate_unless(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation:
        """Do as `evaluate`; a plan is known by what it is on the device that is measured on.

        Raises:
            RunFailure: as the evaluator behind it.
        """
        return await self._gated(kernel, task, lambda: self._evaluator.evaluate_unless(kernel, task, known))

    async def _gated(
        self, kernel: Kernel, task: Task, judged: Callable[[], Awaitable[Evaluation]]
    ) -> Evaluation:
        start, stages = time.monotonic(), self._gate.stages()
        fault = await self._gate.fault(kernel, task, stages)
        cost = stages.cost(start)
        if fault is not None:
            return Evaluation(
                status=fault.status, stage=fault.stage, source=self.source, device=self.device,
                feedback=fault.feedback, cost=cost,
            )  # fmt: skip
        return self._as_told(await judged(), cost)

    def _as_told(self, evaluation: Evaluation, gate: Cost) -> Evaluation:
        """Return a verdict under this evaluator's name of the device, with what the gate cost."""
        measurements = tuple(
            msgspec.structs.replace(each, device=self.device) for each in evaluation.measurements
        )
        return msgspec.structs.replace(
            evaluation, device=self.device, measurements=measurements, cost=_sum(gate, evaluation.cost)
        )


def beside_the_target(label: str, target: Device) -> str:
    """Return what evaluations call a device that is measured on in place of the target."""
    return f"{label}, not the target {target.arch}"


def _sum(one: Cost, other: Cost) -> Cost:
    """Return what two parts of an evaluation cost together."""
    stages = {*one.stage_seconds, *other.stage_seconds}
    return Cost(
        cpu_seconds=one.cpu_seconds + other.cpu_seconds,
        wall_seconds=one.wall_seconds + other.wall_seconds,
        gpu_seconds=one.gpu_seconds + other.gpu_seconds,
        stage_seconds={
            each: one.stage_seconds.get(each, 0.0) + other.stage_seconds.get(each, 0.0) for each in stages
        },
    )
