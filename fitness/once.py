"""Does each piece of work once, however many ask for it, also while it is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Results by key; the first to ask starts the work, the others wait for it."""

    def __init__(self, keep: Callable[[T], bool] = lambda _: True) -> None:
        """Keep results that `keep` holds for; others are worked out again when next asked for."""
        self._keep = keep
        self._tasks: dict[Hashable, asyncio.Future[T]] = {}

    async def get(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the result for a key, from `work` if nobody has asked before.

        Raises:
            Exception: whatever the work raises; it is then forgotten.
        """
        if key not in self._tasks or self._tasks[key].cancelled():
            task = asyncio.ensure_future(work())
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._settle(key, done))
        # Shielded, because others may wait for the same work when one of them is cancelled.
        return await asyncio.shield(self._tasks[key])

    def cancel(self) -> None:
        """Cancel what is under way."""
        for task in list(self._tasks.values()):
            task.cancel()

    def _settle(self, key: Hashable, done: asyncio.Future[T]) -> None:
        """Forget work that was cancelled, raised, or came to what is not to be kept."""
        useless = done.cancelled() or done.exception() is not None or not self._keep(done.result())
        if useless and self._tasks.get(key) is done:
            del self._tasks[key]
