"""The rooms of a run with no GPU: who runs what, and what each job may use."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec

from fitness.sandbox import Isolation, Limits, Room, Sandbox

CAPTURE = Room("capture", handler="fitness.capture:handle", warm_up="fitness.capture:warm_up")
COMPILE = Room(
    "compile", handler="fitness.compiler:handle", warm_up="fitness.compiler:warm_up", may_spawn=True
)
INTERPRET = Room(
    "interpret",
    handler="fitness.interpreter.handler:handle",
    warm_up="fitness.interpreter.handler:warm_up",
    environment={"TRITON_INTERPRET": "1"},
)
ORACLE = Room("oracle", handler="fitness.oracle:handle", isolated=False)

MIB = 1 << 20
WALL_SECONDS_PER_CPU_SECOND = 4.0
WALL_SECONDS_AT_LEAST = 10.0


class Rooms(msgspec.Struct, frozen=True):
    """The open rooms. Candidates run in `capture` and `interpret`; `compile` and `oracle` never run one."""

    capture: Sandbox
    compile: Sandbox
    interpret: Sandbox
    oracle: Sandbox

    def isolation(self) -> dict[str, Isolation]:
        """Return what stands between the machine and the jobs of each room that is to be isolated."""
        rooms: dict[str, Sandbox] = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: room.isolation for name, room in rooms.items() if room.room.isolated}


@contextlib.asynccontextmanager
async def open_rooms() -> AsyncIterator[Rooms]:
    """Start all rooms side by side; kill them and their jobs at the end.

    Raises:
        SandboxError: a room cannot start.
    """
    rooms = Rooms(*(Sandbox(room) for room in (CAPTURE, COMPILE, INTERPRET, ORACLE)))
    async with contextlib.AsyncExitStack() as stack:
        for name in rooms.__struct_fields__:
            stack.push_async_callback(getattr(rooms, name).close)
        await asyncio.gather(*(getattr(rooms, name).start() for name in rooms.__struct_fields__))
        yield rooms


def limits(cpu_seconds: float, memory_mib: int) -> Limits:
    """Return the limits of a job by its CPU time; elapsed time is generous, as the machine may be busy."""
    return Limits(
        cpu_seconds=cpu_seconds,
        wall_seconds=max(WALL_SECONDS_AT_LEAST, cpu_seconds * WALL_SECONDS_PER_CPU_SECOND),
        memory_bytes=memory_mib * MIB,
        output_bytes=64 * MIB,
        scratch_bytes=256 * MIB,
    )
