"""The cascade of evaluation, cheapest stage first: what all evaluators share, up to the judging."""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Bound, Evaluation, Measurement, Resources, Source, Stage, Status
from evo.protocols import KnownPlan
from evo.task import Role, Task
from fitness.building import Builder
from fitness.built import Built
from fitness.devices import Device
from fitness.once import Once
from fitness.rooms import Rooms
from fitness.settings import StageLimits
from fitness.stages import Stages
from fitness.uses import largest_tile
from fitness.verdicts import Fault
from fitness.work import resources_of


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that is correct, with its latencies.

    Attributes:
        checks: correctness checks, all passed.
        measurements, resources: as in `Evaluation`.
        note: what else is worth knowing, in words.
        gpu_seconds: time that a GPU was held for it.
    """

    checks: int
    measurements: tuple[Measurement, ...]
    resources: tuple[Resources, ...]
    note: str = ""
    gpu_seconds: float = 0.0


Verdict = Passed | Fault


class Spared(msgspec.Struct, frozen=True):
    """What was known of a kernel's plan, so that nothing was judged."""

    evaluation: Evaluation


class Cascade(abc.ABC):
    """Takes kernels through the cascade; a subclass judges what was built.

    Kernels that were judged before, or that are being judged, are not judged again, nor are those whose
    `identity` is that of one that passed. Where the search knows a plan already, it says so itself: whatever
    else has that plan, it takes for a repeat.

    Attributes:
        compiled_roles: the workloads whose kernels must be compiled.
    """

    compiled_roles: tuple[Role, ...] = (Role.TIME,)

    def __init__(self, rooms: Rooms, device: Device, limits: StageLimits, secret: bytes) -> None:
        self._rooms = rooms
        self._device = device
        self._limits = limits
        self._secret = secret
        self._builder = Builder(self.compiled_roles)
        self._evaluations: Once[Evaluation | Spared] = Once(_is_final)
        self._verdicts: Once[Verdict] = Once(lambda each: isinstance(each, Passed))

    @property
    @abc.abstractmethod
    def source(self) -> Source:
        """Whether verdicts are measured or modelled."""

    @property
    @abc.abstractmethod
    def device(self) -> str:
        """What evaluations call the device."""

    @abc.abstractmethod
    def identity(self, built: Built) -> tuple[str, ...]:
        """Return what two kernels of a task must have in common for one verdict to hold for both."""

    @abc.abstractmethod
    async def judge(self, built: Built, stages: Stages) -> Verdict:
        """Check correctness, then find the latency of every timed workload."""

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict on a kernel.

        Raises:
            SandboxError: a room cannot do its work.
            TaskError: the task's reference fails.
        """
        while isinstance(judged := await self._judged(kernel, task, _nothing_known), Spared):
            pass  # Somebody else had asked to be spared; that is not kept, so next time it is judged.
        return judged

    async def evaluate_unless(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation:
        """Return the verdict on a kernel, or what is known of its plan with the cost of finding it.

        Raises:
            SandboxError, TaskError: as `evaluate`.
        """
        judged = await self._judged(kernel, task, known)
        return judged.evaluation if isinstance(judged, Spared) else judged

    def cancel(self) -> None:
        """Give up what is under way."""
        for each in (self._builder, self._evaluations, self._verdicts):
            each.cancel()

    async def build(self, kernel: Kernel, task: Task, stages: Stages) -> Built | Fault:
        """Return a kernel that has come through policy, capture and compiler, or why it has not."""
        return await self._builder.build(kernel, task, stages)

    def resources_timed(self, built: Built, bounds: Mapping[str, Bound]) -> tuple[Resources, ...]:
        """Return what the kernels of the timed workloads take, hold and are limited by, one a name.

        Args:
            built: the kernel.
            bounds: what limits each `@triton.jit` function, by name, as far as that is known.
        """
        timed = {
            kernel.digest: kernel
            for _, captured in built.timed
            for plan in captured.alternatives
            for kernel in (plan.kernels[launch.kernel] for launch in plan.launches)
        }
        used = {
            each.name: msgspec.structs.replace(
                resources_of(each, self._device),
                bound=bounds.get(each.name),
                tile=largest_tile(timed[each.kernel].ttir),
            )
            for each in built.binaries.values()
            if each.kernel in timed
        }
        return tuple(used.values())

    async def _judged(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation | Spared:
        """Judge a kernel, unless that was done before or is under way."""
        key = (task.digest, kernel.digest)
        return await self._evaluations.get(key, lambda: self._evaluate(kernel, task, known))

    async def _evaluate(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation | Spared:
        """Go through the cascade until a stage ends it, or until something is known of the plan."""
        start = time.monotonic()
        stages = Stages(self._rooms, self._device.arch, self._limits)
        built = await self.build(kernel, task, stages)
        digest = None if isinstance(built, Fault) else built.plan_digest
        before = None if digest is None else known(digest)
        if before is not None:
            return Spared(msgspec.structs.replace(before, cost=stages.cost(start)))
        verdict = built if isinstance(built, Fault) else await self._verdict(built, stages)
        cost = stages.cost(start)
        if isinstance(verdict, Fault):
            return Evaluation(
                status=verdict.status, stage=verdict.stage, source=self.source, device=self.device,
                feedback=verdict.feedback, checks_passed=verdict.checks_passed,
                checks_total=verdict.checks_total, plan_digest=digest, cost=cost,
            )  # fmt: skip
        return Evaluation(
            status=Status.PASSED, stage=Stage.TIME, source=self.source, device=self.device,
            feedback=verdict.note, checks_passed=verdict.checks, checks_total=verdict.checks,
            measurements=verdict.measurements, resources=verdict.resources, plan_digest=digest,
            cost=msgspec.structs.replace(cost, gpu_seconds=verdict.gpu_seconds),
        )  # fmt: skip

    async def _verdict(self, built: Built, stages: Stages) -> Verdict:
        """Judge a kernel, unless one of the same identity passed."""
        own = False

        async def judge() -> Verdict:
            nonlocal own
            own = True
            return await self.judge(built, stages)

        verdict = await self._verdicts.get((built.task.digest, *self.identity(built)), judge)
        # A fault names lines, which are those of the kernel that was judged.
        return verdict if own or isinstance(verdict, Passed) else await self.judge(built, stages)


def _nothing_known(plan_digest: str) -> None:
    """Know no plan."""


def _is_final(judged: Evaluation | Spared) -> bool:
    """Return whether a verdict holds whenever it is asked for."""
    return not isinstance(judged, Spared) and judged.status is not Status.TIMEOUT
