"""The evaluator with no GPU: correctness in the interpreter, latency from the cost model. Both advisory."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Bound, Cost, Evaluation, Measurement, Resources, Source, Stage, Status
from evo.protocols import KnownPlan
from evo.syntax import syntax_digest
from evo.task import Role, Task
from fitness.audit import fault_of_trace
from fitness.built import Built, checks_of, runnable
from fitness.cases import draw_cases
from fitness.costmodel.occupancy import occupancy
from fitness.costmodel.roofline import Estimate, Work, explain
from fitness.devices import Device
from fitness.messages import Binary, Description
from fitness.once import Once
from fitness.plan import Captured, Plan, plan_digest
from fitness.policy import breach
from fitness.rooms import Rooms
from fitness.settings import StageLimits
from fitness.stages import Stages, Traced
from fitness.uses import bounds, largest_tile
from fitness.verdicts import Fault


def device_label(device: Device) -> str:
    """Return what evaluations call a modelled device, such as `model:gfx942`."""
    return f"model:{device.arch}"


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that is correct, with its modelled latencies."""

    checks: int
    measurements: tuple[Measurement, ...]
    resources: tuple[Resources, ...]


Verdict = Passed | Fault


class Spared(msgspec.Struct, frozen=True):
    """What was known of a kernel's plan, so that nothing was judged."""

    evaluation: Evaluation


class ModelledEvaluator:
    """The cascade of evaluation, cheapest stage first; a pure function of kernel and task for one secret.

    Kernels that were judged before, or that are being judged, are not judged again, nor are those that
    differ from one that passed in comments, layout and local names alone. (Equal binaries would not do: what
    is interpreted is the source, so one kernel's verdict would depend on which other came first. Where the
    search knows a plan already, it says so itself: whatever else has that plan, it takes for a repeat.)
    """

    def __init__(self, rooms: Rooms, device: Device, limits: StageLimits, secret: bytes) -> None:
        self._rooms = rooms
        self._device = device
        self._limits = limits
        self._secret = secret
        self._described: Once[tuple[Description, ...]] = Once()
        self._evaluations: Once[Evaluation | Spared] = Once(_is_final)
        self._verdicts: Once[Verdict] = Once(lambda each: isinstance(each, Passed))

    @property
    def source(self) -> Source:
        """Always `modelled`."""
        return Source.MODELLED

    @property
    def device(self) -> str:
        """The modelled device."""
        return device_label(self._device)

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
        for each in (self._described, self._evaluations, self._verdicts):
            each.cancel()

    async def _judged(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation | Spared:
        """Judge a kernel, unless that was done before or is under way."""
        key = (task.digest, kernel.digest)
        return await self._evaluations.get(key, lambda: self._evaluate(kernel, task, known))

    async def _evaluate(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation | Spared:
        """Go through the cascade until a stage ends it, or until something is known of the plan."""
        start = time.monotonic()
        stages = Stages(self._rooms, self._device.arch, self._limits)
        digest, verdict = await self._cascade(kernel, task, stages, known)
        cost = Cost(cpu_seconds=stages.cpu_seconds, wall_seconds=time.monotonic() - start)
        if isinstance(verdict, Spared):
            return Spared(msgspec.structs.replace(verdict.evaluation, cost=cost))
        if isinstance(verdict, Fault):
            return Evaluation(
                status=verdict.status, stage=verdict.stage, source=self.source, device=self.device,
                feedback=verdict.feedback, checks_passed=verdict.checks_passed,
                checks_total=verdict.checks_total, plan_digest=digest, cost=cost,
            )  # fmt: skip
        return Evaluation(
            status=Status.PASSED, stage=Stage.TIME, source=self.source, device=self.device,
            checks_passed=verdict.checks, checks_total=verdict.checks, measurements=verdict.measurements,
            resources=verdict.resources, plan_digest=digest, cost=cost,
        )  # fmt: skip

    async def _cascade(
        self, kernel: Kernel, task: Task, stages: Stages, known: KnownPlan
    ) -> tuple[str | None, Verdict | Spared]:
        """Return the digest of the plan, once there is one, and the verdict or what is known of the plan."""
        broken = breach(kernel.source, task.entry_point)
        if broken:
            # A kernel is there, so the reply that held it was not malformed: the module does not compile.
            status = Status.COMPILE_ERROR if broken.status is Status.MALFORMED else broken.status
            return None, Fault(status=status, stage=Stage.POLICY, feedback=broken.feedback)
        described = await self._described.get(task.digest, lambda: stages.describe(task))
        captured = await stages.capture(kernel, task, described)
        if isinstance(captured, Fault):
            return None, captured
        timed = {each.name for each in task.having(Role.TIME)}
        plans = tuple(plan for each in captured if each.workload in timed for plan in each.alternatives)
        if not all(plan.launches for plan in plans):
            return None, Fault(
                status=Status.UNSUPPORTED, stage=Stage.CAPTURE, feedback="the entry point launches no kernel"
            )
        compiled = await stages.compile(plans)
        if isinstance(compiled, Fault):
            return None, compiled
        able = runnable(captured, compiled)
        if isinstance(able, Fault):
            return None, able
        binaries = compiled.binaries
        digest = plan_digest(able, {name: binary.digest for name, binary in binaries.items()})
        built = Built(
            kernel=kernel, task=task, described=described, captured=able, binaries=binaries,
            plan_digest=digest,
        )  # fmt: skip
        before = known(digest)
        return digest, await self._verdict(built, stages) if before is None else Spared(before)

    async def _verdict(self, built: Built, stages: Stages) -> Verdict:
        """Judge a kernel, unless one that passed differs from it in what changes nothing alone."""
        own = False

        async def judge() -> Verdict:
            nonlocal own
            own = True
            return await self._judge(built, stages)

        key = (built.task.digest, built.plan_digest, syntax_digest(built.kernel.source))
        verdict = await self._verdicts.get(key, judge)
        # A fault names lines, which are those of the kernel that was judged.
        return verdict if own or isinstance(verdict, Passed) else await self._judge(built, stages)

    async def _judge(self, built: Built, stages: Stages) -> Verdict:
        """Check correctness, then model the latency of every timed workload."""
        total = 0
        for choice, cases in checks_of(built, draw_cases(built.task, self._secret, built.plan_digest)):
            checked = await stages.check(built.kernel, built.task, cases, built.described[0].mutated, choice)
            if isinstance(checked, Fault):
                return checked
            total += checked.total
        measurements, estimates = [], []
        for described, captured in built.timed:
            modelled = await self._model(built, described, captured, stages)
            if isinstance(modelled, Fault):
                return modelled
            estimates.append(modelled[0])
            measurements.append(modelled[1])
        return Passed(
            checks=total, measurements=tuple(measurements), resources=self._used(built, bounds(estimates))
        )

    async def _model(
        self, built: Built, described: Description, captured: Captured, stages: Stages
    ) -> tuple[Estimate, Measurement] | Fault:
        """Return the latency of the best autotune alternative on one workload, with its parts."""
        modelled: list[tuple[Estimate, int]] = []
        for plan in captured.alternatives:
            traced = await stages.trace(built.kernel, built.task, described, plan, plan.choice)
            if isinstance(traced, Fault):
                return traced
            fault = fault_of_trace(built.workload(captured.workload), traced.launches, traced.fills)
            if fault:
                return Fault(status=Status.WRONG, stage=Stage.TIME, feedback=fault)
            estimate = explain(self._works(built, plan, traced), self._device, traced.fills)
            modelled.append((estimate, sum(launch.sampled for launch in traced.launches)))
        estimate, samples = min(modelled, key=lambda each: (each[0].latency_ms, each[1]))
        latency = estimate.latency_ms
        return estimate, Measurement(
            workload=captured.workload, latency_ms=latency, low_ms=latency, high_ms=latency,
            samples=samples, source=self.source, device=self.device,
        )  # fmt: skip

    def _works(self, built: Built, plan: Plan, traced: Traced) -> list[Work]:
        """Return each launch with what its binary takes."""
        works = []
        for launch, trace in zip(plan.launches, traced.launches, strict=True):
            kernel = plan.kernels[launch.kernel]
            resources = self._resources(built.binaries[kernel.digest])
            works.append(Work(trace, resources, int(kernel.options.get("num_stages") or 1)))
        return works

    def _used(self, built: Built, limited: Mapping[str, Bound]) -> tuple[Resources, ...]:
        """Return what each compiled kernel takes, holds and is limited by, one a name."""
        kernels = {
            kernel.digest: kernel
            for _, captured in built.timed
            for plan in captured.alternatives
            for kernel in plan.kernels
        }
        used = {}
        for binary in built.binaries.values():
            kernel = kernels.get(binary.kernel)
            used[binary.name] = msgspec.structs.replace(
                self._resources(binary),
                bound=limited.get(kernel.name) if kernel else None,
                tile=largest_tile(kernel.ttir) if kernel else 0,
            )
        return tuple(used.values())

    def _resources(self, binary: Binary) -> Resources:
        """Return what a binary takes of the device."""
        return Resources(
            kernel=binary.name, registers=binary.registers, spills=binary.spills,
            shared_bytes=binary.shared_bytes, warps=binary.warps,
            occupancy=occupancy(
                self._device, registers=binary.registers, shared_bytes=binary.shared_bytes, warps=binary.warps
            ),
        )  # fmt: skip


def _nothing_known(plan_digest: str) -> None:
    """Know no plan."""


def _is_final(judged: Evaluation | Spared) -> bool:
    """Return whether asking again would bring the same: not after a TIMEOUT, and not what was spared."""
    return isinstance(judged, Evaluation) and judged.status is not Status.TIMEOUT
