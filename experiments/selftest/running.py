"""A self-test from its beginning to its end: which device, what is asked of it, and in which order."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable

import msgspec

from evo.errors import KernevoError, TargetError, UsageError
from experiments.build import buildable
from experiments.doctor import Finding, isolation_findings, package_findings
from experiments.exploits.corpus import Specimen, exploits, honest
from experiments.exploits.judging import OneProcess
from experiments.selftest.parts import Examiner
from experiments.selftest.results import SelfTest
from experiments.suites.loader import task_names
from fitness.devices import product_for
from fitness.judge.client import PROGRAM
from fitness.judge.messages import ALL_FAMILIES, Fingerprint, TimingRules
from fitness.judge.pool import Judges
from fitness.judge.probe import NoDevice, probed
from fitness.opinion.second import Seeking
from fitness.rooms import Rooms, open_rooms
from fitness.settings import FitnessSettings, JudgeSettings

GPU = re.compile(r"(cuda|rocm):\d{1,3}")
RULES = TimingRules(blocks=8, fewest_blocks=4, seconds=0.5, families=ALL_FAMILIES).in_full()
"""Quicker than in a search: what is asked here is whether it works, and some noise is told."""
WALL_SECONDS = 10.0


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """What a self-test asks.

    Attributes:
        seeds: tasks whose seed kernels are judged.
        specimens: kernels of the corpus.
        repeated, runs: tasks whose seed kernels are held against themselves, and how often.
        direct: tasks whose seed kernels are run directly; `direct_on` is what torch calls the device.
        seconds: time for all of it; what is left then is told so.
        at_once: evaluations under way, of which one has the device.
        environment: what processes that run kernels directly find in theirs, besides what they need.
    """

    seeds: tuple[str, ...]
    specimens: tuple[Specimen, ...]
    repeated: tuple[str, ...] = ("flip", "softmax", "matmul")
    runs: int = 6
    direct: tuple[str, ...] = ("flip", "softmax")
    direct_on: str
    seconds: float = 480.0
    at_once: int = 6
    environment: dict[str, str] = {}

    @classmethod
    def whole(cls, gpu: str) -> Extent:
        """Return all that there is to ask of a device such as `cuda:0`."""
        return cls(
            seeds=tuple(task_names()), specimens=(*exploits(), *honest()),
            direct_on=f"cuda:{gpu.partition(':')[2]}",
        )  # fmt: skip


def device_named(name: str) -> Fingerprint:
    """Return the device of a name that can be tested.

    Raises:
        UsageError: it is none, or it is not there, or not in the device table.
    """
    if not GPU.fullmatch(name):
        raise UsageError(f"--device must be a GPU, cuda:N or rocm:N, got {name!r}")
    try:
        found = probed(name)
        buildable(found.arch)
    except (NoDevice, TargetError) as error:
        raise UsageError(f"{name} cannot be tested: {error}") from None
    return found


async def self_test(
    found: Fingerprint, gpu: str, extent: Extent, say: Callable[[str], None], program: str = PROGRAM
) -> SelfTest:
    """Test a device, whatever breaks on the way.

    Args:
        found: the device.
        gpu: its name, such as `cuda:0`.
        extent: what to ask.
        say: hears which part begins.
        program: the judge's process.
    """
    began = time.monotonic()
    deadline = asyncio.get_running_loop().time() + extent.seconds
    test = SelfTest(fingerprint=found, findings=tuple(package_findings()))
    try:
        async with open_rooms() as rooms:
            test = _noting(test, *isolation_findings(rooms))
            say("starting the judge")
            async with _open_judge(gpu, program) as judges:
                test = await _parts(test, rooms, judges, extent, deadline, say)
    except KernevoError as error:
        test = _noting(test, Finding("judge", f"{type(error).__name__}: {error}", False))
    return msgspec.structs.replace(test, seconds=time.monotonic() - began)


@contextlib.asynccontextmanager
async def _open_judge(gpu: str, program: str) -> AsyncIterator[Judges]:
    """Start the judge of a GPU, yield it, and end it.

    Raises:
        JudgeError: the GPU cannot be measured on.
    """
    judge = OneProcess(gpu, WALL_SECONDS, program)
    try:
        await judge.start()
        yield Judges([judge])
    finally:
        await judge.close()


async def _parts(
    test: SelfTest, rooms: Rooms, judges: Judges, extent: Extent, deadline: float, say: Callable[[str], None]
) -> SelfTest:
    arch = test.fingerprint.arch
    device, timed = (
        product_for(arch, test.fingerprint.name),
        JudgeSettings(wall_seconds=WALL_SECONDS, timing=RULES),
    )
    settings = FitnessSettings(target=arch, judge=timed)
    examiner = Examiner(rooms, judges, device, settings, deadline, extent.at_once)
    seeking = Seeking(
        place=extent.direct_on, device=device, settings=timed, secret=b"self-test",
        environment=extent.environment,
    )  # fmt: skip
    units = test.fingerprint.units
    async with judges.turn() as judge:
        anchor_ms = judge.anchor_ms
    test = _noting(
        test,
        Finding("units", f"{units}, the device table has {device.units}", units == device.units),
        Finding("anchor", f"a copy of 256 MiB takes {anchor_ms:.4f} ms", True),
    )
    try:
        say(f"seed kernels of {len(extent.seeds)} tasks")
        test = msgspec.structs.replace(test, seeds=await examiner.seeds(extent.seeds))
        say(f"{len(extent.repeated)} of them against themselves, {extent.runs} times")
        test = msgspec.structs.replace(test, repeated=await examiner.repeated(extent.repeated, extent.runs))
        say(f"{len(extent.direct)} of them run directly")
        test = msgspec.structs.replace(test, direct=await examiner.direct(extent.direct, seeking))
        say(f"{len(extent.specimens)} kernels that cheat or are honest")
        return msgspec.structs.replace(test, specimens=await examiner.corpus(extent.specimens))
    finally:
        examiner.close()


def _noting(test: SelfTest, *findings: Finding) -> SelfTest:
    return msgspec.structs.replace(test, findings=(*test.findings, *findings))
