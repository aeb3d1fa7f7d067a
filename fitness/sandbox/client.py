"""The engine's side of a room."""

from __future__ import annotations

import asyncio
from typing import Self

from evo.errors import SandboxError
from fitness.sandbox.contract import Ending, Fault, Finished, Isolation, Limits, Outcome, Room
from fitness.sandbox.warm import WarmParent

GRACE_SECONDS = 120.0
"""How long after its wall limit a job's answer may come: a loaded machine forks and isolates slowly."""
_ATTEMPTS = 2


class Sandbox:
    """A room that runs jobs. Use it in one event loop, as an async context manager or with `start` and
    `close`.

    If the warm parent dies it is started again, once for all jobs that it took along, and those run again.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._parent: WarmParent | None = None
        self._isolation = Isolation()
        self._changing = asyncio.Lock()
        self._turn = asyncio.Lock()

    @property
    def room(self) -> Room:
        """The room that was asked for."""
        return self._room

    @property
    def isolation(self) -> Isolation:
        """What `start` found to be in force."""
        return self._isolation

    async def start(self) -> Isolation:
        """Start the room; return what is in force. Raise SandboxError if it cannot start."""
        await self._living()
        return self._isolation

    async def run(self, payload: bytes, limits: Limits) -> Outcome:
        """Run the handler on a payload in a process of its own; return how that ended.

        Raises:
            SandboxError: The room could not do its work, twice. Nothing that a candidate does raises.

        """
        if not self._room.isolated:
            async with self._turn:
                return await self._run(payload, limits)
        return await self._run(payload, limits)

    async def close(self) -> None:
        """Kill the room and every job in it."""
        async with self._changing:
            parent, self._parent = self._parent, None
            if parent is not None:
                parent.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _run(self, payload: bytes, limits: Limits) -> Outcome:
        reason = ""
        for _ in range(_ATTEMPTS):
            parent = await self._living()
            reply = await self._submit(parent, payload, limits)
            if isinstance(reply, Finished):
                return reply.outcome
            if reply is None:
                reason = "a process of the room died"
                await self._retire(parent)
            else:
                reason = reply.reason
        raise SandboxError(f"room {self._room.name!r} failed a job {_ATTEMPTS} times: {reason}")

    async def _submit(self, parent: WarmParent, payload: bytes, limits: Limits) -> Finished | Fault | None:
        """Isolated jobs have a supervisor that keeps their limits; a trusted room is killed from here."""
        trusted = not self._room.isolated
        patience = limits.wall_seconds + (0.0 if trusted else GRACE_SECONDS)
        try:
            async with asyncio.timeout(patience):
                return await parent.submit(payload, limits)
        except TimeoutError:
            if not trusted:
                return Fault(
                    f"no answer {GRACE_SECONDS:g} s after the wall limit of {limits.wall_seconds:g} s"
                )
            await self._retire(parent)
            detail = f"wall limit: {limits.wall_seconds:g} s have passed"
            return Finished(Outcome(Ending.TIMEOUT, detail=detail, wall_seconds=patience))

    async def _living(self) -> WarmParent:
        async with self._changing:
            if self._parent is None:
                self._parent, self._isolation = await WarmParent.start(self._room)
            return self._parent

    async def _retire(self, parent: WarmParent) -> None:
        """Let go of a parent that died or must, unless another job has done so already."""
        async with self._changing:
            if self._parent is parent:
                self._parent = None
                parent.close()
