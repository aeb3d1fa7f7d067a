"""Asks the real rooms, from tests that are not asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from evo.candidate import Kernel
from evo.evaluation import Evaluation
from evo.task import Task
from fitness.devices import device_for
from fitness.modelled import ModelledEvaluator
from fitness.plan import Captured
from fitness.rooms import Rooms
from fitness.settings import StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault

SECRET = b"a secret of the tests"
LIMITS = StageLimits(capture_cpu_seconds=5.0, check_cpu_seconds=5.0, time_cpu_seconds=5.0, memory_mib=4096)


class Lab:
    """The rooms, and the loop that they live in."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rooms: Rooms) -> None:
        self.loop = loop
        self.rooms = rooms

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def evaluator(self, arch: str = "gfx942", secret: bytes = SECRET) -> ModelledEvaluator:
        return ModelledEvaluator(self.rooms, device_for(arch), LIMITS, secret)

    def evaluate(self, source: str, task: Task, arch: str = "gfx942") -> Evaluation:
        """Evaluate with an evaluator that knows nothing yet."""
        evaluation: Evaluation = self.run(self.evaluator(arch).evaluate(Kernel(source), task))
        return evaluation

    def stages(self, arch: str = "gfx942", limits: StageLimits = LIMITS) -> Stages:
        return Stages(self.rooms, arch, limits)

    def captured(
        self, source: str, task: Task, arch: str = "gfx942", limits: StageLimits = LIMITS
    ) -> tuple[Captured, ...] | Fault:
        """Capture past the policy."""
        stages = self.stages(arch, limits)

        async def capture() -> tuple[Captured, ...] | Fault:
            return await stages.capture(Kernel(source), task, await stages.describe(task))

        result: tuple[Captured, ...] | Fault = self.run(capture())
        return result
