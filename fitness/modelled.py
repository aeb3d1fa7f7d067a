"""The evaluator with no GPU: correctness in the interpreter, latency from the cost model. Both advisory."""

from __future__ import annotations

from evo.evaluation import Measurement, Source, Stage, Status
from evo.syntax import syntax_digest
from fitness.audit import fault_of_trace, is_doubtful
from fitness.built import Built, checks_of
from fitness.cascade import Cascade, Passed, Verdict
from fitness.cases import draw_cases
from fitness.costmodel.roofline import Estimate, explain
from fitness.costmodel.trace import Trace
from fitness.devices import Device
from fitness.messages import Description
from fitness.plan import Captured, Plan
from fitness.stages import Stages
from fitness.uses import bounds
from fitness.verdicts import Fault
from fitness.work import works_of


def device_label(device: Device) -> str:
    """Return what evaluations call a modelled device, such as `model:gfx942`."""
    return f"model:{device.arch}"


class ModelledEvaluator(Cascade):
    """Evaluates with no GPU; a pure function of kernel and task for one secret."""

    @property
    def source(self) -> Source:
        """Always `modelled`."""
        return Source.MODELLED

    @property
    def device(self) -> str:
        """The modelled device."""
        return device_label(self._device)

    def identity(self, built: Built) -> tuple[str, ...]:
        """Return the plan and the source without comments, layout and local names.

        Equal binaries would not do: what is interpreted is the source, so one kernel's verdict would depend
        on which other came first.
        """
        return built.plan_digest, syntax_digest(built.kernel.source)

    async def judge(self, built: Built, stages: Stages) -> Verdict:
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
        resources = self.resources_timed(built, bounds(estimates))
        return Passed(checks=total, measurements=tuple(measurements), resources=resources)

    async def _model(
        self, built: Built, described: Description, captured: Captured, stages: Stages
    ) -> tuple[Estimate, Measurement] | Fault:
        """Return the latency of the best autotune alternative on one workload, with its parts."""
        modelled: list[tuple[Estimate, int]] = []
        for plan in captured.alternatives:
            traced = await self._trace(built, described, plan, stages)
            if isinstance(traced, Fault):
                return traced
            estimate = explain(
                works_of(plan, traced, built.binaries, self._device), self._device, traced.fills
            )
            modelled.append((estimate, sum(launch.sampled for launch in traced.launches)))
        estimate, samples = min(modelled, key=lambda each: (each[0].latency_ms, each[1]))
        latency = estimate.latency_ms
        return estimate, Measurement(
            workload=captured.workload, latency_ms=latency, low_ms=latency, high_ms=latency,
            samples=samples, source=self.source, device=self.device,
        )  # fmt: skip

    async def _trace(self, built: Built, described: Description, plan: Plan, stages: Stages) -> Trace | Fault:
        """Return what a plan does at the real sizes; looks closer where it seems to leave work out."""
        workload = built.workload(plan.workload)
        traced = await stages.trace(built.kernel, built.task, described, plan)
        if isinstance(traced, Fault) or not is_doubtful(workload, traced):
            return traced
        closer = await stages.trace(built.kernel, built.task, described, plan, closer=True)
        if isinstance(closer, Fault):
            return closer
        fault = fault_of_trace(workload, closer)
        return Fault(status=Status.WRONG, stage=Stage.TIME, feedback=fault) if fault else traced
