"""What the tests of rooms share: a loop and a room to run jobs in, and a look at the processes that exist."""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from fitness.sandbox import Limits, Outcome, Room, Sandbox

LIMITS = Limits(
    cpu_seconds=2.0, wall_seconds=4.0, memory_bytes=256 << 20, output_bytes=1 << 16, scratch_bytes=1 << 20
)


class Bench:
    """A started room and the event loop that it lives in.

    Other tests of this process may hold rooms of their own open meanwhile: those are not counted.
    """

    def __init__(self, room: Room) -> None:
        self._others = room_processes().keys()
        self.runner = asyncio.Runner()
        self.sandbox = Sandbox(room)
        self.isolation = self.await_(self.sandbox.start())

    def await_(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(coroutine)

    def run(self, source: str, limits: Limits = LIMITS) -> Outcome:
        return self.await_(self.sandbox.run(source.encode(), limits))

    def processes(self) -> set[int]:
        """Return the pids of the warm parent and of all that stems from it."""
        return room_processes().keys() - self._others

    def idles(self, seconds: float = 5.0) -> bool:
        """Wait until nothing but the warm parent is left; return whether that came."""
        return _came(lambda: len(self.processes()) <= 1, seconds)

    def close(self) -> None:
        self.await_(self.sandbox.close())
        self.runner.close()


def room_processes(engine: int | None = None) -> dict[int, int]:
    """Return {pid: parent's pid} of all processes that stem from rooms of an engine (this process).

    All are forks of a parent and bear its command line, on which the engine's pid stands.
    """
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if (
            any(b"fitness.sandbox.parent" in w for w in words)
            and str(engine or os.getpid()).encode() in words
        ):
            found[int(folder.name)] = parent
    return found


def parents() -> list[int]:
    """Return the pids of this process's warm parents."""
    return [pid for pid, parent in room_processes().items() if parent == os.getpid()]


def only(expected: int, engine: int | None = None, seconds: float = 5.0) -> bool:
    """Wait until no more than `expected` room processes are left; return whether that came."""
    return _came(lambda: len(room_processes(engine)) <= expected, seconds)


def _came(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
