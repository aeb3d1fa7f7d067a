"""Coroutines that wait for nothing, run at once; and times at which things happen on paper."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that waits for nothing.

    Raises:
        RuntimeError: it does wait, which no simulated part may.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("a simulated part must wait for nothing, this one did")


class Clock:
    """Virtual time: what is due happens in order, and time stands at when it was due.

    Attributes:
        now: seconds since the beginning; it never runs backwards.
    """

    def __init__(self) -> None:
        """Begin at 0 with nothing due."""
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def after(self, seconds: float, happening: Callable[[], None]) -> None:
        """Let something happen so many seconds from now; of two at the same time, the first said is first.

        Raises:
            ValueError: a time that has passed.
        """
        if not seconds >= 0:
            raise ValueError(f"things happen 0 seconds from now or later, got {seconds}")
        heapq.heappush(self._due, (self.now + seconds, next(self._order), happening))

    def run(self, until: float) -> bool:
        """Let things happen until nothing is due, or up to a time; return whether that time was come to."""
        while self._due:
            if self._due[0][0] > until:
                self.now = until
                return True
            self.now, _, happening = heapq.heappop(self._due)
            happening()
        return False
