"""Announcing: how far a study has come, in a line every now and then."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console

from experiments.report.wording import count, duration
from experiments.study.grid import PlannedRun
from experiments.study.worker import Outcome

LINES = 20
"""Lines for a whole study, beside one for each seed."""


class Announcer:
    """Says so when a seed is through, and about twenty times on the way."""

    def __init__(self, console: Console, runs: Sequence[PlannedRun]) -> None:
        """Take the runs of the study, in their order."""
        self._console = console
        self._begun = time.monotonic()
        self._runs = len(runs)
        self._left = {run.path: run for run in runs}
        self._told = 0

    def due(self, due: Sequence[PlannedRun]) -> None:
        """Take note of what is left to search."""
        self._left = {run.path: run for run in due}
        if len(due) < self._runs:
            done = self._runs - len(due)
            self._console.print(f"{count(done, 'run')} of {self._runs:,} had ended before")

    def told(self, run: PlannedRun, outcome: Outcome) -> None:
        """Take note of a run that has ended now."""
        del self._left[run.path]
        self._told += 1
        every = max(1, self._runs // LINES)
        through = all(each.seed != run.seed for each in self._left.values())
        if through or self._told % every == 0 or not self._left:
            took = time.monotonic() - self._begun
            said = f", seed {run.seed} is through" if through else ""
            self._console.print(
                f"{self._runs - len(self._left):,} of {count(self._runs, 'run')} after {duration(took)}{said}"
                f"; last: {run.mix}, {run.task}: {outcome.ending}",
                soft_wrap=True,
            )
