"""The evaluator with a GPU: correctness and latency from the judge, over plans and binaries alone."""

from __future__ import annotations

import math
import statistics

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
from fitness.judge.messages import Ask, Checks, Judged, Refused, Telemetry, Timing
from fitness.judge.pool import Judges
from fitness.judge.statistics import estimate, noise_floor, wins
from fitness.once import Once
from fitness.rooms import Rooms
from fitness.settings import JudgeSettings, StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault


class Footing(msgspec.Struct, frozen=True):
    """What an A/A run, the seed kernel against itself, gives all others on a GPU to stand on.

    Attributes:
        told: the judge's word on it.
        floor: how far from 0 its log ratio to itself came, a workload.
    """

    told: Judged
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
        judges: Judges,
        device: Device,
        limits: StageLimits,
        secret: bytes,
        settings: JudgeSettings,
        anchor: Evaluation | None = None,
    ) -> None:
        """Evaluate with judges that were started.

        Args:
            rooms: open.
            judges: own the GPUs.
            device: the GPU's row of the device table.
            limits: of the stages before the judge.
            secret: what seeds are drawn under.
            settings: how to measure.
            anchor: the seed kernel's evaluation in a former session of the run, whose latencies stay.
        """
        super().__init__(rooms, device, limits, secret)
        self._judges = judges
        self._settings = settings
        self._anchor = {each.workload: each.latency_ms for each in anchor.measurements} if anchor else {}
        self._seed_ms: dict[str, dict[str, float]] = {}
        self._seeds: Once[Built] = Once()
        self._footings: Once[Footing | Refused] = Once(lambda each: isinstance(each, Footing))
        self._best: dict[str, Judged] = {}

    @property
    def source(self) -> Source:
        """Always `measured`."""
        return Source.MEASURED

    @property
    def device(self) -> str:
        """The GPU, as its fingerprint says."""
        return self._judges.fingerprint.label

    def identity(self, built: Built) -> tuple[str, ...]:
        """Return the plan: the judge sees nothing else of a kernel."""
        return (built.plan_digest,)

    def cancel(self) -> None:
        """Give up what is under way."""
        super().cancel()
        self._seeds.cancel()
        self._footings.cancel()

    async def judge(self, built: Built, stages: Stages) -> Verdict:
        """Have a judge check and time a kernel.

        Raises:
            SeedError: the task's seed kernel does not get that far.
            JudgeError: the judge or its GPU cannot measure.
        """
        seed = await self._seeds.get(built.task.digest, lambda: self._seed(built.task, stages))
        async with self._judges.turn() as judge:
            with stages.timing(Stage.TIME):
                return await self._judged_by(judge, built, seed)

    async def _judged_by(self, judge: Judge, built: Built, seed: Built) -> Verdict:
        """Have this judge check and time a kernel, again by a fresh process if it would be the best.

        Raises:
            SeedError, JudgeError: as `judge`.
        """
        task, is_seed = built.task, built.plan_digest == seed.plan_digest
        footing = await self._footings.get((task.digest, judge.device), lambda: self._footing(judge, seed))
        if isinstance(footing, Refused):
            if is_seed:
                return _fault(footing)
            raise SeedError(f"the seed kernel of task {task.name} is {footing.status}: {footing.feedback}")
        if is_seed:
            return self._verdict_of(built, _level(footing.told), footing, footing.told.held_seconds)
        told = await judge.ask(self._request(built, seed, "first"))
        held = 0.0
        if isinstance(told, Judged) and self._is_best(task, told, footing):
            held = told.held_seconds
            await judge.renew()
            told = await judge.ask(self._request(built, seed, "again"))
        if isinstance(told, Refused):
            return _fault(told)
        verdict = self._verdict_of(built, told, footing, held + told.held_seconds)
        if isinstance(verdict, Passed) and self._is_ahead(task, told):
            self._best[task.digest] = told
        return verdict

    def _verdict_of(self, built: Built, told: Judged, footing: Footing, held: float) -> Verdict:
        """Return measurements out of timings, unless one of them cannot be true."""
        measurements, notes = [], []
        for timing in told.timings:
            measurement = self._measurement(built.task, timing, footing)
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

    def _measurement(self, task: Task, timing: Timing, footing: Footing) -> Measurement:
        """Return a workload's latency: the ratio to the seed, times the seed's latency."""
        ratio = estimate(timing.log_ratios).widened(footing.floor[timing.workload])
        seed_ms = self._seed_ms[task.digest][timing.workload]
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
        return surely and self._is_ahead(task, told)

    def _is_ahead(self, task: Task, told: Judged) -> bool:
        """Return whether a kernel was faster than the best so far, if there is one."""
        best = self._best.get(task.digest)
        return best is None or _speedup(told) > _speedup(best)

    async def _seed(self, task: Task, stages: Stages) -> Built:
        """Return the task's seed kernel, built.

        Raises:
            SeedError: it cannot be.
        """
        built = await self.build(task.seed, task, stages)
        if isinstance(built, Fault):
            raise SeedError(f"the seed kernel of task {task.name} is {built.status}: {built.feedback}")
        return built

    async def _footing(self, judge: Judge, seed: Built) -> Footing | Refused:
        """Measure the seed kernel against itself; the first time fixes its latencies for all judges."""
        told = await judge.ask(self._request(seed, seed, "footing"))
        if isinstance(told, Refused):
            return told
        seen = {each.workload: each.baseline_ms for each in told.timings}
        self._seed_ms.setdefault(seed.task.digest, {**seen, **self._anchor})
        return Footing(told, {each.workload: noise_floor(each.log_ratios) for each in told.timings})

    def _request(self, built: Built, seed: Built, label: str) -> Ask:
        """Return what the judge is asked about a kernel; another label draws other seeds."""
        digest = f"{built.plan_digest}/{label}"
        rules, best = self._settings.timing.in_full(), None
        if label == "first":
            rules, best = self._settings.timing, self._best.get(built.task.digest)
        checks = checks_of(built, draw_cases(built.task, self._secret, digest))
        return Ask(
            number=0, task=built.task, mutated=built.described[0].mutated, candidate=built.subject,
            baseline=seed.subject, checks=tuple(Checks(choice, cases) for choice, cases in checks),
            seed=draw_seed(built.task, self._secret, digest, "timing"), rules=rules,
            best=_log_ratios(best) if best else {},
        )  # fmt: skip


def _level(told: Judged) -> Judged:
    """Return an A/A run as the seed's own measurement: what it is off by is noise, all in the floor."""
    level = (
        msgspec.structs.replace(each, log_ratios=tuple(0.0 for _ in each.log_ratios)) for each in told.timings
    )
    return msgspec.structs.replace(told, timings=tuple(level))


def _log_ratios(told: Judged) -> dict[str, float]:
    """Return the log ratio to the seed, by workload."""
    return {timing.workload: estimate(timing.log_ratios).median for timing in told.timings}


def _speedup(told: Judged) -> float:
    """Return the geometric mean of the speed-ups over the seed."""
    return math.exp(-statistics.fmean(_log_ratios(told).values()))


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
