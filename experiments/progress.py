"""Progress: a search on the terminal, one live line; elsewhere one plain line a generation."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from evo.evaluation import Source, Status
from evo.events import Event, GenerationEnded, Settled, Told

SECONDS_A_FRAME = 0.1


class Tally:
    """What the events so far add up to."""

    def __init__(self) -> None:
        self.told = 0
        self.generation = 0
        self.best: float | None = None
        self.stopped: str | None = None
        self.statuses: Counter[Status] = Counter()
        self._unsettled: dict[int, Status] = {}
        self._next = 0

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
        else:
            self.stopped = event.reason

    @property
    def counts(self) -> str:
        """How candidates ended: passed first, then the most frequent."""
        ranked = sorted(
            self.statuses.items(), key=lambda pair: (pair[0] is not Status.PASSED, -pair[1], pair[0])
        )
        return " ".join(f"{status.lower().replace('_', ' ')} {count}" for status, count in ranked if count)


class Progress:
    """Shows a search on a console; implements `evo.protocols.Tracker`.

    An interactive console gets one live line; any other gets plain lines without control characters, one a
    generation and one at start and end. Neither starts a thread.
    """

    def __init__(
        self,
        console: Console,
        source: Source,
        evaluations: int | None,
        past: Iterable[Event] = (),
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the console, the source of all figures and the budget of evaluations (None: no end in sight).

        `past` is what former sessions saw (`evo.fold.fold`): it counts as done, but not for the rate. `clock`
        returns seconds.
        """
        self._console = console
        self._source = source
        self._evaluations = evaluations
        self._quiet = quiet
        self._clock = clock
        self._tally = Tally()
        for event in past:
            self._tally.add(event)
        self._tally.stopped = None
        self._first = self._tally.told
        self._begun: float | None = None
        self._drawn = 0.0
        self._live: Live | None = None
        self._closed = False
        self._failed = False

    def start(self) -> None:
        """Show that the search begins, and start to count time; the first event does so if nobody has."""
        if self._begun is not None:
            return
        self._begun = self._drawn = self._clock()
        if self._quiet:
            return
        if not self._console.is_interactive:
            self._print(f"start · {self._line()}" if self._first == 0 else f"resume · {self._line()}")
            return
        self._live = Live(console=self._console, auto_refresh=False)
        self._live.start()
        self._draw()

    def record(self, event: Event) -> None:
        """Take note of an event and show it."""
        self.start()
        self._tally.add(event)
        if self._live is not None:
            if isinstance(event, GenerationEnded) or self._clock() - self._drawn >= SECONDS_A_FRAME:
                self._draw()
        elif isinstance(event, GenerationEnded):
            self._print(self._line())

    def fail(self) -> None:
        """Take note that the search cannot go on, which whoever raised the error says; close comes next."""
        self._failed = True

    def close(self) -> None:
        """Show how the search ended, and leave the console as it was."""
        if self._begun is None or self._closed:
            return
        self._closed = True
        if self._live is not None:
            self._draw()
            self._live.stop()
            self._live = None
            self._print(self._end())
        else:
            self._print(f"{self._end()} · {self._line()}")

    def _end(self) -> str:
        if self._tally.stopped is not None:
            return f"stopped: {self._tally.stopped}"
        return "failed" if self._failed else "interrupted"

    def _line(self) -> str:
        """Return the line: generation, evaluations, best, rate, time to go, how candidates ended."""
        tally, budget = self._tally, "" if self._evaluations is None else f"/{self._evaluations}"
        parts = [f"gen {tally.generation}", f"{tally.told}{budget} evaluated"]
        if tally.best is not None:
            parts.append(f"best {tally.best:.2f}× ({self._source})")
        rate = self._rate()
        if rate:
            parts.append(_rate(rate))
            if self._evaluations is not None and self._tally.stopped is None:
                parts.append(f"ETA {_duration(max(0, self._evaluations - tally.told) / rate)}")
        return " · ".join([*parts, tally.counts] if tally.counts else parts)

    def _rate(self) -> float:
        """Return this session's evaluations a second; 0 while there is nothing to go by."""
        elapsed = 0.0 if self._begun is None else self._clock() - self._begun
        return (self._tally.told - self._first) / elapsed if elapsed > 0 else 0.0

    def _draw(self) -> None:
        if self._live is not None:
            self._drawn = self._clock()
            line = Text(self._writable(self._line()), no_wrap=True, overflow="ellipsis")
            self._live.update(line, refresh=True)

    def _print(self, line: str) -> None:
        if not self._quiet:
            self._console.print(Text(self._writable(line)), soft_wrap=True, highlight=False)

    def _writable(self, line: str) -> str:
        """Return the line in what the console's encoding can write."""
        if self._console.encoding.lower().startswith("utf"):
            return line
        return line.replace(" · ", " | ").replace("×", "x").encode("ascii", "replace").decode()


def _rate(per_second: float) -> str:
    """Return a rate in the largest unit of time that reads well."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f}/{unit}"
    return f"{per_second * 3600:.1f}/h"


def _duration(seconds: float) -> str:
    """Return `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
