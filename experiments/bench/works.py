"""What the cost model is told of a variant, kept between runs: only a change of the tracing costs time.

Capture, compile and trace are the real stages of an evaluation; what is kept lies in the user's cache folder
under a digest of the kernel, the sizes, the target, Triton's version and the code that traces.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

import fitness
from evo.candidate import Kernel
from experiments.bench.variants import Family
from fitness.built import runnable
from fitness.costmodel.roofline import Work
from fitness.costmodel.trace import Fill
from fitness.devices import Device
from fitness.messages import Description
from fitness.rooms import Rooms
from fitness.settings import StageLimits
from fitness.stages import Stages
from fitness.verdicts import Fault
from fitness.work import works_of

LIMITS = StageLimits(compile_cpu_seconds=60.0, check_cpu_seconds=60.0, time_cpu_seconds=60.0)
TRACING = ("interpreter/*.py", "costmodel/access.py", "costmodel/trace.py", "compiler.py", "capture.py")
"""The code of the fitness whose change makes what is kept stale."""


class Works(msgspec.Struct, frozen=True):
    """What the cost model takes: the launches of one call, and the constant fills between them."""

    works: tuple[Work, ...]
    fills: tuple[Fill, ...]


class Tracer:
    """Traces variants at their timed sizes in open rooms, or finds them in the cache folder."""

    def __init__(self, rooms: Rooms, device: Device, folder: Path | None = None) -> None:
        self._rooms = rooms
        self._device = device
        self._folder = folder or cache_folder()
        self._described: dict[str, tuple[Description, ...]] = {}

    async def works_of(self, family: Family, kernel: Kernel) -> Works | Fault:
        """Return what one call of a variant does on the timed workload, or which stage fails, and why."""
        kept = self._folder / f"{self._key(family, kernel)}.msgpack"
        if kept.exists():
            return msgspec.msgpack.decode(kept.read_bytes(), type=Works)
        works = await self._traced(family, kernel)
        if isinstance(works, Works):
            self._folder.mkdir(parents=True, exist_ok=True)
            whole = kept.with_suffix(f".{os.getpid()}")
            whole.write_bytes(msgspec.msgpack.encode(works))
            whole.rename(kept)
        return works

    def _key(self, family: Family, kernel: Kernel) -> str:
        """Return what the kept works of a variant lie under."""
        parts = (
            kernel.digest,
            family.task.reference,
            repr(family.timed),
            self._device.arch,
            version("triton"),
        )
        return hashlib.sha256("\0".join((*parts, _code_digest())).encode()).hexdigest()

    async def _traced(self, family: Family, kernel: Kernel) -> Works | Fault:
        """Capture, compile and trace the timed workload."""
        stages = Stages(self._rooms, self._device.arch, LIMITS)
        task = msgspec.structs.replace(family.task, workloads=(family.timed,))
        if family.name not in self._described:
            self._described[family.name] = await stages.describe(task)
        described = self._described[family.name]
        captured = await stages.capture(kernel, task, described)
        if isinstance(captured, Fault):
            return captured
        compiled = await stages.compile(captured[0].alternatives)
        if isinstance(compiled, Fault):
            return compiled
        able = runnable(captured, compiled)
        if isinstance(able, Fault):
            return able
        [plan] = able[0].alternatives
        traced = await stages.trace(kernel, task, described[0], plan)
        if isinstance(traced, Fault):
            return traced
        return Works(works_of(plan, traced, compiled.binaries, self._device), traced.fills)


def cache_folder() -> Path:
    """Return the user's folder for what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kernevo" / "works"


@cache
def _code_digest() -> str:
    """Return the digest of the code that traces."""
    floor = Path(fitness.__path__[0])
    files = sorted(path for pattern in TRACING for path in floor.glob(pattern))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
