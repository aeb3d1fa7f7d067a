"""Rooms and judges for benchmarks that ask a GPU themselves: kernels are built here, and put to its judge."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from evo.candidate import Kernel
from evo.task import Task
from fitness.built import Built
from fitness.cascade import Cascade
from fitness.devices import product_for
from fitness.judge.client import PROGRAM, Judge
from fitness.judge.messages import Ask, Fingerprint, Judged, Refused, TimingRules
from fitness.judge.pool import Judges, open_judges
from fitness.judge.probe import probed
from fitness.measured import MeasuredEvaluator
from fitness.rooms import Rooms, open_rooms
from fitness.settings import JudgeSettings, StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault

SECRET = b"bench"
WALL_SECONDS = 60.0


class Court:
    """Builds kernels for the GPUs of this machine and has them judged.

    Attributes:
        rooms, judges: open.
        fingerprint: the first GPU.
    """

    def __init__(self, rooms: Rooms, judges: Judges) -> None:
        self.rooms = rooms
        self.judges = judges
        self.fingerprint: Fingerprint = judges.fingerprint
        self._device = product_for(self.fingerprint.arch, self.fingerprint.name)

    def evaluator(self) -> MeasuredEvaluator:
        """Return an evaluator that knows nothing yet."""
        return MeasuredEvaluator(
            self.rooms, self.judges, self._device, StageLimits(), SECRET, JudgeSettings()
        )

    def folder(self, out: Path) -> Path:
        """Return a folder for what GPUs of this name told: that of others must not be mixed in."""
        folder = out / "".join(each if each.isalnum() else "_" for each in self.fingerprint.name)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def built(self, kernel: Kernel, task: Task) -> Built:
        """Return a kernel that builds.

        Raises:
            ValueError: it does not.
        """
        cascade: Cascade = self.evaluator()
        built = await cascade.build(kernel, task, Stages(self.rooms, self._device.arch, StageLimits()))
        if isinstance(built, Fault):
            raise ValueError(f"a kernel of task {task.name} does not build: {built.feedback}")
        return built


async def timed(judge: Judge, candidate: Built, seed: Built, number: int, rules: TimingRules) -> Judged:
    """Return how a candidate compares with a seed; nothing is checked but what the rules say.

    Raises:
        ValueError: the judge refuses it.
    """
    asked = Ask(
        number=0, task=candidate.task, mutated=candidate.described[0].mutated, candidate=candidate.subject,
        baseline=seed.subject, checks=(), seed=number, rules=rules,
    )  # fmt: skip
    told = await judge.ask(asked)
    if isinstance(told, Refused):
        raise ValueError(f"{candidate.task.name} is {told.status}: {told.feedback}")
    return told


def judge_statuses() -> dict[int, str]:
    """Return what the system says of each judge's process of this one, spares too, by process id."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            told, command = status.read_text(), (status.parent / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if PROGRAM.encode() in command and f"PPid:\t{os.getpid()}\n" in told:
            found[int(status.parent.name)] = told
    return found


@contextlib.asynccontextmanager
async def open_court(devices: tuple[str, ...], wall_seconds: float = WALL_SECONDS) -> AsyncIterator[Court]:
    """Open rooms, and a judge on each device (`cuda:0`), which a candidate may hold so long a stage.

    Raises:
        NoDevice: a device is not there.
        SandboxError, JudgeError: a room or a judge cannot start.
    """
    probed(devices[0])
    async with open_rooms() as rooms, open_judges(devices, wall_seconds) as judges:
        yield Court(rooms, judges)
