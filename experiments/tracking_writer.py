"""One thread that writes a search's events to a tracking store, so that no outage reaches the search."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from evo.events import Event
from experiments.tracking_settings import TrackingFailure

Timed = tuple[float, Event]
"""Seconds since the epoch at which an event was recorded, and the event."""

BATCH = 500
"""Events that are written together at most."""


class Sink(Protocol):
    """Where events are written; used by one thread only. Every method raises TrackingFailure in an outage."""

    def open(self) -> str | None:
        """Make ready to write, and return the id of the run written to if it is a new one."""

    def write(self, batch: Sequence[Timed]) -> None:
        """Write some events; all before them were written."""

    def close(self) -> None:
        """Write that no more events come."""


class Writer:
    """Takes events at once and writes them in order from a daemon thread.

    When the sink fails, or too many events wait, the writer falls behind: it says so once and takes no more.
    It does not catch up by itself, since a gap in the middle would show as a finished run with wrong numbers.
    """

    def __init__(
        self,
        sink: Sink,
        capacity: int,
        warn: Callable[[str], None],
        on_run_id: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start the thread.

        `warn` may be called from the thread. `on_run_id` hears of a new run, and from `put` or `close` only,
        so in the caller's own thread.
        """
        self._sink = sink
        self._warn = warn
        self._on_run_id = on_run_id
        self._clock = clock
        self._queue: queue.Queue[Timed | None] = queue.Queue(capacity)
        self._falling = threading.Lock()
        self._behind = False
        self._closed = False
        self._run_id: str | None = None
        self._thread = threading.Thread(target=self._work, name="kernevo-tracker", daemon=True)
        self._thread.start()

    @property
    def behind(self) -> bool:
        """Whether the store lacks events that were recorded."""
        return self._behind

    def put(self, event: Event) -> None:
        """Take an event; returns at once."""
        self._tell_run_id()
        if self._behind or self._closed:
            return
        try:
            self._queue.put_nowait((self._clock(), event))
        except queue.Full:
            self._fall_behind(f"{self._queue.maxsize} events wait to be written")

    def close(self, seconds: float) -> None:
        """Take no more events and give the thread so many seconds to write those that wait."""
        if self._closed:
            return
        self._closed = True
        deadline = time.monotonic() + seconds
        try:
            self._queue.put(None, timeout=seconds if self._thread.is_alive() else 0.001)
        except queue.Full:
            self._fall_behind(f"events were left to write after {seconds:g} s")
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self._fall_behind(f"events were left to write after {seconds:g} s")
        self._tell_run_id()

    def _work(self) -> None:
        try:
            self._run_id = self._sink.open()
            last = False
            while not last:
                batch, last = self._take()
                self._sink.write(batch)
            if not self._behind:
                self._sink.close()
        except TrackingFailure as failure:
            self._fall_behind(str(failure))

    def _take(self) -> tuple[list[Timed], bool]:
        """Wait for an event, and return it with those behind it, and whether they are the last."""
        batch: list[Timed] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == BATCH or self._queue.empty():
                return batch, False
            item = self._queue.get()
        return batch, True

    def _fall_behind(self, why: str) -> None:
        with self._falling:
            if self._behind:
                return
            self._behind = True
        self._warn(f"MLflow is behind, the search goes on (`kernevo sync` makes up for it): {why}")

    def _tell_run_id(self) -> None:
        run_id, self._run_id = self._run_id, None
        if run_id is not None:
            self._on_run_id(run_id)
