"""The evaluator with a GPU: correctness and latency from the judge, over plans and binaries alone."""

from __future__ import annotations

import math

import msgspec

from evo.errors import SeedError
from evo.evaluation import Evaluation, Measurement, Source, Stage, Status
from evo.task import Role, Task
from fitness.audit import fault_of_latency
from fitness.built import Built, checks_of
from fitness.cascade import Cascade, Passed, Verdict
from fitness.cases import draw_cases, draw_seed
from fitness.devices import Device
from fitness.judge.client import Judge
from fitness.judge.messages import Ask, Checks, Judged, Refused, Subject, Telemetry, Timing
from fitness.judge.statistics import estimate, noise_floor, wins
from fitness.once import Once
from fitness.rooms import Rooms
from fitness.settings import JudgeSettings, StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault


class Footing(msgspec.Struct, frozen=True):
    """What the seed kernel's own measurement, an A/A run, gives all others of a task to stand on.

    Attributes:
        told: the judge's word on it.
        seed_ms: the seed's latency a workload, in milliseconds.
        floor: how far from 0 its log ratio to itself came, a workload.
    """

    told: Judged
    seed_ms: dict[str, float]
    floor: dict[str, float]


class MeasuredEvaluator(Cascade):
    """Evaluates on a GPU.

    Each candidate runs beside the seed kernel. What is measured is the ratio of the two; a latency is that
    ratio times the seed's latency, which is fixed once, so that drift of the device never counts as speed. A
    kernel that would be the best so far is measured again, by a fresh process with new seeds, and keeps what
    the second measurement says.
    """

    compiled_roles = (Role.CHECK, Role.TIME)

    def __init__(
        self,
        rooms: Rooms,
        judge: Judge,
        device: Device,
        limits: StageLimits,
        secret: bytes,
        settings: JudgeSettings,
        anchor: Evaluation | None = None,
    ) -> None:
        """Evaluate with a judge that was started.

        Args:
            rooms: open.
            judge: owns the GPU.
            device: the GPU's row of the device table.
            limits: of the stages before the judge.
            secret: what seeds are drawn under.
            settings: how to measure.
            anchor: the seed kernel's evaluation in a former session of the run, whose latencies stay.
        """
        super().__init__(rooms, device, limits, secret)
        self._judge = judge
        self._settings = settings
        self._anchor = {each.workload: each.latency_ms for each in anchor.measurements} if anchor else {}
        self._seeds: Once[Built] = Once()
        self._footings: Once[Footing | Refused] = Once(lambda each: isinstance(each, Footing))
        self._best: dict[str, float] = {}

    @property
    def source(self) -> Source:
        """Always `measured`."""
        return Source.MEASURED

    @property
    def device(self) -> str:
        """The GPU, as its fingerprint says."""
        return self._judge.fingerprint.label

    def identity(self, built: Built) -> tuple[str, ...]:
        """Return the plan: the judge sees nothing else of a kernel."""
        return (built.plan_digest,)

    def cancel(self) -> None:
        """Give up what is under way."""
        super().cancel()
        self._seeds.cancel()
        self._footings.cancel()

    async def judge(self, built: Built, stages: Stages) -> Verdict:
        """Have the judge check and time a kernel.

        Raises:
            SeedError: the task's seed kernel does not get that far.
            JudgeError: the judge or its GPU cannot measure.
        """
        task = built.task
        seed = await self._seeds.get(task.digest, lambda: self._seed(task, stages))
        with stages.timing(Stage.TIME):
            footing = await self._footings.get(task.digest, lambda: self._footing(seed))
        if isinstance(footing, Refused):
            if built.plan_digest == seed.plan_digest:
                return _fault(footing)
            raise SeedError(f"the seed kernel of task {task.name} is {footing.status}: {footing.feedback}")
        if built.plan_digest == seed.plan_digest:
            return self._verdict_of(built, _level(footing.told), footing, footing.told.held_seconds)
        with stages.timing(Stage.TIME):
            told = await self._judge.ask(self._request(built, seed, "first"))
        if isinstance(told, Refused):
            return _fault(told)
        held = told.held_seconds
        speedup = _speedup(told)
        if self._is_best(task, told, footing):
            with stages.timing(Stage.TIME):
                await self._judge.renew()
                again = await self._judge.ask(self._request(built, seed, "again"))
            if isinstance(again, Refused):
                return _fault(again)
            told, held = again, held + again.held_seconds
            speedup = _speedup(told)
        self._best[task.digest] = max(self._best.get(task.digest, 0.0), speedup)
        return self._verdict_of(built, told, footing, held)

    def _verdict_of(self, built: Built, told: Judged, footing: Footing, held: float) -> Verdict:
        """Return measurements out of timings, unless one of them cannot be true."""
        measurements, notes = [], []
        for timing in told.timings:
            measurement = self._measurement(timing, footing)
            fault = fault_of_latency(built.workload(timing.workload), measurement.latency_ms, self._device)
            if fault:
                return Fault(status=Status.WRONG, stage=Stage.TIME, feedback=fault)
            measurements.append(measurement)
            notes.append(_note(timing, footing.floor[timing.workload]))
        if not told.repeats:
            notes.append("results differ from call to call, within the tolerance")
        return Passed(
            checks=told.checks, measurements=tuple(measurements), resources=self.resources_timed(built, {}),
            note="; ".join(notes), gpu_seconds=held,
        )  # fmt: skip

    def _measurement(self, timing: Timing, footing: Footing) -> Measurement:
        """Return a workload's latency: the ratio to the seed, times the seed's latency."""
        ratio = estimate(timing.log_ratios).widened(footing.floor[timing.workload])
        seed_ms = footing.seed_ms[timing.workload]
        return Measurement(
            workload=timing.workload, latency_ms=seed_ms * math.exp(ratio.median),
            low_ms=seed_ms * math.exp(ratio.low), high_ms=seed_ms * math.exp(ratio.high),
            samples=timing.calls, source=self.source, device=self.device,
        )  # fmt: skip

    def _is_best(self, task: Task, told: Judged, footing: Footing) -> bool:
        """Return whether a kernel would be the best so far, and is surely faster than the seed somewhere."""
        surely = any(
            wins(estimate(timing.log_ratios), footing.floor[timing.workload]) for timing in told.timings
        )
        return surely and _speedup(told) > self._best.get(task.digest, 0.0)

    async def _seed(self, task: Task, stages: Stages) -> Built:
        """Return the task's seed kernel, built.

        Raises:
            SeedError: it cannot be.
        """
        built = await self.build(task.seed, task, stages)
        if isinstance(built, Fault):
            raise SeedError(f"the seed kernel of task {task.name} is {built.status}: {built.feedback}")
        return built

    async def _footing(self, seed: Built) -> Footing | Refused:
        """Measure the seed kernel against itself."""
        told = await self._judge.ask(self._request(seed, seed, "footing"))
        if isinstance(told, Refused):
            return told
        return Footing(
            told,
            {each.workload: self._anchor.get(each.workload, each.baseline_ms) for each in told.timings},
            {each.workload: noise_floor(each.log_ratios) for each in told.timings},
        )

    def _request(self, built: Built, seed: Built, label: str) -> Ask:
        """Return what the judge is asked about a kernel; another label draws other seeds."""
        digest = f"{built.plan_digest}/{label}"
        checks = checks_of(built, draw_cases(built.task, self._secret, digest))
        return Ask(
            number=0, task=built.task, mutated=built.described[0].mutated, candidate=_subject(built),
            baseline=_subject(seed), checks=tuple(Checks(choice, cases) for choice, cases in checks),
            seed=draw_seed(built.task, self._secret, digest, "timing"), rules=self._settings.timing,
        )  # fmt: skip


def _subject(built: Built) -> Subject:
    return Subject(captured=built.captured, binaries=tuple(built.binaries.values()))


def _level(told: Judged) -> Judged:
    """Return an A/A run as the seed's own measurement: what it is off by is noise, all in the floor."""
    level = (
        msgspec.structs.replace(each, log_ratios=tuple(0.0 for _ in each.log_ratios)) for each in told.timings
    )
    return msgspec.structs.replace(told, timings=tuple(level))


def _speedup(told: Judged) -> float:
    """Return the geometric mean of the speed-ups over the seed."""
    logs = [estimate(timing.log_ratios).median for timing in told.timings]
    return math.exp(-sum(logs) / len(logs))


def _fault(told: Refused) -> Fault:
    return Fault(
        status=told.status, stage=told.stage, feedback=told.feedback, checks_passed=told.checks_passed,
        checks_total=told.checks_total,
    )  # fmt: skip


def _note(timing: Timing, floor: float) -> str:
    """Return what is worth knowing of a workload's measurement."""
    parts = [
        f"{timing.workload}: {len(timing.log_ratios)} blocks {'warm' if timing.warm else 'cold'}",
        f"noise floor {100 * floor:.2f}%",
        _in_words(timing.after),
        f"configuration {timing.choice} picked in {timing.tuning_seconds:.2f} s"
        if timing.tuning_seconds > 0.01
        else "",
    ]
    return ", ".join(part for part in parts if part)


def _in_words(told: Telemetry) -> str:
    """Return what a device said of itself."""
    parts = [
        f"{told.clock_mhz} MHz" if told.clock_mhz is not None else "",
        f"{told.celsius} °C" if told.celsius is not None else "",
        f"{told.watts:.0f} W" if told.watts is not None else "",
    ]
    return ", ".join(part for part in parts if part)
