"""Tally: what the events of a search add up to; it holds none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from evo.evaluation import Status
from evo.events import Event, Failed, GenerationEnded, Paused, Settled, Stopped, Told


class Tally:
    """What the events so far add up to."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        """Begin with what the events add up to."""
        self.told = 0
        self.generation = 0
        self.best: float | None = None
        self.stopped: str | None = None
        self.failed: str | None = None
        self.waiting = 0
        self.statuses: Counter[Status] = Counter()
        self._unsettled: dict[int, Status] = {}
        self._next = 0
        for event in events:
            self.add(event)

    def add(self, event: Event) -> None:
        """Take note of an event; a repeat counts as DUPLICATE once it is settled."""
        if isinstance(event, Told):
            self.told, self.generation = event.told, self._next
            self.statuses[event.status] += 1
            self._unsettled[event.number] = event.status
        elif isinstance(event, Settled):
            individual = event.individual
            former = self._unsettled.pop(individual.number, None)
            if former is not None:
                self.statuses[former] -= 1
            self.statuses[individual.evaluation.status] += 1
            if event.elite:
                self.best = individual.speedup
        elif isinstance(event, GenerationEnded):
            self.told = max(self.told, event.told)
            self.generation = event.generation
            self._next = event.generation + 1
        elif isinstance(event, Stopped):
            self.stopped = event.reason
        elif isinstance(event, Failed):
            self.failed = event.reason
        elif isinstance(event, Paused):
            self.waiting = event.waiting

    @property
    def counts(self) -> str:
        """How candidates ended: passed first, then the most frequent."""
        ranked = sorted(
            self.statuses.items(), key=lambda pair: (pair[0] is not Status.PASSED, -pair[1], pair[0])
        )
        return " ".join(f"{status.lower().replace('_', ' ')} {count}" for status, count in ranked if count)
