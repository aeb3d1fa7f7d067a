"""Progress: a search on the terminal, one live line; elsewhere one plain line a generation."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.text import Text

from evo.budget import counted
from evo.evaluation import Source
from evo.events import Event, GenerationEnded
from experiments.tally import Tally

SECONDS_A_FRAME = 0.1


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
        past: Tally | None = None,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the console, the source of all figures and the budget of evaluations (None: no end in sight).

        `past` is what former sessions saw: it counts as done, but not for the rate. `clock` returns seconds.
        """
        self._console = console
        self._source = source
        self._evaluations = evaluations
        self._quiet = quiet
        self._clock = clock
        self._tally = past or Tally()
        self._tally.stopped = None
        self._first = self._tally.told
        self._begun: float | None = None
        self._counted: tuple[float, int] | None = None
        self._drawn = 0.0
        self._live: Live | None = None
        self._closed = False

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
        if self._counted is None and self._tally.told > self._first:
            self._counted = (self._clock(), self._tally.told)
        if self._live is not None:
            if isinstance(event, GenerationEnded) or self._clock() - self._drawn >= SECONDS_A_FRAME:
                self._draw()
        elif isinstance(event, GenerationEnded):
            self._print(self._line())

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
        if self._tally.waiting:
            return f"waiting for replies to {counted(self._tally.waiting, 'proposal')}"
        return "interrupted" if self._tally.failed is None else "failed"

    def _line(self) -> str:
        """Return the line: generation, evaluations, best, rate, time to go, how candidates ended."""
        tally, budget = self._tally, "" if self._evaluations is None else f"/{self._evaluations}"
        parts = [f"gen {tally.generation}", f"{tally.told}{budget} evaluated"]
        if tally.best is not None:
            parts.append(f"best {tally.best:.2f}× ({self._source})")
        speed = self._rate()
        if speed:
            parts.append(rate(speed))
            if self._evaluations is not None and self._tally.stopped is None:
                parts.append(f"ETA {duration(max(0, self._evaluations - tally.told) / speed)}")
        return " · ".join([*parts, tally.counts] if tally.counts else parts)

    def _rate(self) -> float:
        """Return this session's evaluations a second; 0 while there is nothing to go by.

        Time counts from the first evaluation on: before that, rooms start.
        """
        if self._counted is None:
            return 0.0
        since, told = self._counted
        elapsed = self._clock() - since
        return (self._tally.told - told) / elapsed if elapsed > 0 else 0.0

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


def rate(per_second: float) -> str:
    """Return a rate in the largest unit of time that reads well."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f}/{unit}"
    return f"{per_second * 3600:.1f}/h"


def duration(seconds: float) -> str:
    """Return `m:ss`, or `h:mm:ss` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
