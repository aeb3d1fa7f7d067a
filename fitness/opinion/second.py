"""A kernel held against its evaluation: run directly from its module, and what differs.

The judge replays what a kernel's entry point did when it was captured; here the entry point itself runs, in a
process that a model's Python shares (`fitness.opinion.witness`). Outputs come back as bytes and are compared
by the oracle, on inputs that the judge has not used. Latencies are what that process says they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Evaluation, Measurement
from evo.task import Role, Task
from fitness.cases import draw_cases
from fitness.devices import Device
from fitness.messages import Case, Description
from fitness.opinion.asking import asked
from fitness.opinion.messages import Broke, Evidence, Latency, Question, Said, Trial
from fitness.plan import InputData, TensorData
from fitness.settings import JudgeSettings

SLACK_MS = 0.005
"""What events, and launches that wait for each other, may add to a call."""


class Oracle(Protocol):
    """Makes inputs and compares outputs; `fitness.stages.Stages` is one."""

    async def describe(self, task: Task) -> tuple[Description, ...]:
        """Return what the inputs of all workloads look like."""

    async def prepare(self, task: Task, cases: tuple[Case, ...]) -> tuple[tuple[InputData, ...], ...]:
        """Return the inputs of some cases."""

    async def compare(
        self, task: Task, cases: tuple[Case, ...], outputs: tuple[tuple[TensorData, ...], ...]
    ) -> tuple[str | None, ...]:
        """Return what is wrong with the outputs of each case, or None."""


class Opinion(msgspec.Struct, frozen=True):
    """What the witness came to.

    Attributes:
        against: what speaks against the evaluation, a line each; none if nothing does.
        latencies: milliseconds of a call by workload, as the witness said them.
    """

    against: tuple[str, ...]
    latencies: dict[str, float] = {}


class Seeking(msgspec.Struct, frozen=True, kw_only=True):
    """Where and how second opinions are sought.

    Attributes:
        place: what torch calls the device.
        device: its row of the device table.
        settings: how the judge measured, and how far a witness may differ.
        secret: what the inputs of checks are drawn under.
        environment: what a witness finds in its environment, besides what it needs.
    """

    place: str
    device: Device
    settings: JudgeSettings
    secret: bytes
    environment: Mapping[str, str] = {}

    async def opinion(self, kernel: Kernel, task: Task, evaluation: Evaluation, oracle: Oracle) -> Opinion:
        """Run a kernel that passed, and return what differs from its evaluation.

        Raises:
            TaskError: the task's reference fails.
            SandboxError: the oracle's room cannot do its work.
        """
        cases = draw_cases(task, self.secret, f"{evaluation.plan_digest}/second opinion")
        described = await oracle.describe(task)
        timed = {each.name for each in task.having(Role.TIME)}
        question = Question(
            source=kernel.source, entry_point=task.entry_point, device=self.place,
            mutated=described[0].mutated, cases=await oracle.prepare(task, cases),
            trials=tuple(
                Trial(workload=each.workload, specs=each.specs, data=each.data)
                for each in described if each.workload in timed
            ),
            flush_bytes=self.device.flush_bytes,
        )  # fmt: skip
        said: Said = await asked(question, self.settings.opinion_seconds, self.environment)
        if isinstance(said, Broke):
            return Opinion((f"run directly, it fails: {said.reason}",))
        if len(said.outputs) != len(cases):
            return Opinion((f"run directly, {len(cases)} results are expected, got {len(said.outputs)}",))
        wrong = await oracle.compare(task, cases, said.outputs)
        return self._compared(said, evaluation, [f"run directly, {each}" for each in wrong if each])

    def _compared(self, said: Evidence, evaluation: Evaluation, wrong: list[str]) -> Opinion:
        latencies = {each.workload: each for each in said.latencies}
        told, slow = {}, []
        for measurement in evaluation.measurements:
            latency = latencies.get(measurement.workload)
            if latency is None:
                slow.append(f"{measurement.workload}: no latency was told")
                continue
            told[measurement.workload] = milliseconds = self._like(measurement, latency)
            slow += self._apart(measurement, milliseconds)
        return Opinion((*wrong, *slow), told)

    def _like(self, measurement: Measurement, latency: Latency) -> float:
        """Return the latency that was taken as the judge took its own: warm where calls are short."""
        short = measurement.latency_ms * 1e3 < self.settings.timing.short_us
        return latency.warm_ms if short else latency.cold_ms

    def _apart(self, measurement: Measurement, milliseconds: float) -> Iterator[str]:
        allowed = 1.0 + self.settings.opinion_tolerance
        least = measurement.low_ms / allowed - SLACK_MS
        most = measurement.high_ms * allowed + SLACK_MS
        if not least <= milliseconds <= most:
            yield (
                f"{measurement.workload}: run directly, a call takes {milliseconds:.4f} ms by its own word, "
                f"the judge measured {measurement.latency_ms:.4f} ms"
            )
