"""The judges of a machine, one a GPU: each candidate gets one of them to itself."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from evo.errors import JudgeError
from fitness.judge.client import PROGRAM, Judge
from fitness.judge.messages import Fingerprint


class Judges:
    """Judges that were started, on GPUs that are alike."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        """Deal candidates out to these judges.

        Raises:
            JudgeError: their GPUs are not all of one kind under one driver.
        """
        labels = {each.fingerprint.label for each in judges}
        if len(labels) != 1:
            raise JudgeError(f"all GPUs of a run must be alike, got {'; '.join(sorted(labels)) or 'none'}")
        self._fingerprint = judges[0].fingerprint
        self._anchor_ms = judges[0].anchor_ms
        self._free: asyncio.Queue[Judge] = asyncio.Queue()
        for each in judges:
            self._free.put_nowait(each)

    @property
    def fingerprint(self) -> Fingerprint:
        """The first GPU; the others are told from it by number and uuid alone."""
        return self._fingerprint

    @property
    def anchor_ms(self) -> float:
        """What a plain copy of fixed size took the first GPU when it was started, in milliseconds."""
        return self._anchor_ms

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Judge]:
        """Wait until a judge is free; nobody else asks it meanwhile."""
        judge = await self._free.get()
        try:
            yield judge
        finally:
            self._free.put_nowait(judge)


@contextlib.asynccontextmanager
async def open_judges(
    devices: Sequence[str], wall_seconds: float, program: str = PROGRAM
) -> AsyncIterator[Judges]:
    """Start a judge on each device (`cuda:0`), yield them, and end them.

    Args:
        devices: as torch numbers them.
        wall_seconds: how long a candidate may hold its device a stage.
        program: what a judge's process runs.

    Raises:
        JudgeError: a device cannot be measured on, or they are not alike.
    """
    judges = [Judge(device, wall_seconds, program) for device in devices]
    async with contextlib.AsyncExitStack() as stack:
        for each in judges:
            stack.push_async_callback(each.close)
        await asyncio.gather(*(each.start() for each in judges))
        yield Judges(judges)
