"""Clock: the time that tries, waits and deadlines go by."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """Real time, or a time whose seconds pass faster than real ones, so that long waits can be tried out."""

    def __init__(self, speed: float = 1.0) -> None:
        """Let so many seconds pass in a real one."""
        self._speed = speed
        self._begun, self._date = time.monotonic(), time.time()

    def now(self) -> float:
        """Return the seconds since this clock began."""
        return (time.monotonic() - self._begun) * self._speed

    def date(self) -> float:
        """Return the seconds since the epoch."""
        return self._date + self.now()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds / self._speed)

    def limit(self, seconds: float) -> asyncio.Timeout:
        """Return the context that raises TimeoutError if what it holds takes longer."""
        return asyncio.timeout(seconds / self._speed)
