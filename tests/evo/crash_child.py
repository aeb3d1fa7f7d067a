"""Sessions that kill themselves: run as `python -m tests.evo.crash_child FOLDER POINT...`.

For each POINT, such as `evaluate#3`, a forked child searches in FOLDER/POINT.sqlite and sends itself SIGKILL
when it comes by points of that name for the third time: round each write of the journal, inside operators,
evaluator, portfolio and tracker.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

from evo.journal import Journal
from evo.records import Record
from tests.evo.driving import ShuffledEvaluator, run_session
from tests.standins import (
    ChainPortfolio,
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    search_settings,
    synthetic_engine,
)


class Fuse:
    """Counts the points passed, by name, and ends the process at one of them, or after so many."""

    def __init__(self, point: str | int | None = None) -> None:
        self._point = point
        self.passed: Counter[str] = Counter()

    def burn(self, name: str) -> None:
        self.passed[name] += 1
        if self._point in (f"{name}#{self.passed[name]}", self.passed.total()):
            os.kill(os.getpid(), signal.SIGKILL)


class FusedJournal(Journal):
    fuse = Fuse()

    def append(self, record: Record, *blobs: bytes) -> None:
        self.fuse.burn(f"before {type(record).__name__}")
        super().append(record, *blobs)
        self.fuse.burn(f"after {type(record).__name__}")


class FusedOperator(SyntheticOperator):
    def __init__(self, fuse: Fuse, name: str, arity: int) -> None:
        super().__init__(name, arity)
        self._fuse = fuse

    async def propose(self, proposal, parents, task):
        self._fuse.burn("propose")
        return await super().propose(proposal, parents, task)


class FusedEvaluator(SyntheticEvaluator):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def evaluate(self, kernel, task):
        self._fuse.burn("evaluate")
        return await super().evaluate(kernel, task)


class FusedPortfolio(ChainPortfolio):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def choose(self, rng, names):
        self._fuse.burn("choose")
        return super().choose(rng, names)

    def credit(self, individual, parents):
        self._fuse.burn("credit")
        super().credit(individual, parents)


class FusedTracker(RecordingTracker):
    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def record(self, event):
        self._fuse.burn(f"track {type(event).__name__}")
        super().record(event)


def fused_session(path: Path, point: str | int | None = None):
    """Run or resume one session; return its engine, the reason why it stopped and its fuse."""
    fuse = Fuse(point)
    operators = (FusedOperator(fuse, "step", 1), FusedOperator(fuse, "mix", 2))
    engine = synthetic_engine(
        search_settings(),
        operators={operator.name: operator for operator in operators},
        portfolio=FusedPortfolio(fuse),
    )
    journal = FusedJournal(path) if path.exists() else FusedJournal.create(path)
    journal.fuse = fuse
    evaluator = ShuffledEvaluator(FusedEvaluator(fuse), random.Random(point))
    with journal:
        reason = run_session(engine, evaluator, journal, [FusedTracker(fuse)])
    return engine, reason, fuse


def killed_in_child(path: Path, point: str | int) -> bool:
    """Run one session in a forked child; return whether it was killed before its end."""
    child = os.fork()
    if child == 0:
        try:
            fused_session(path, point)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def main(folder: Path, points: list[str]) -> None:
    for point in points:
        print(point, killed_in_child(folder / f"{point}.sqlite", point), flush=True)
    chained = folder / "chained.sqlite"
    kills = 0
    while killed_in_child(chained, 40 + kills):
        kills += 1
    print("chained", kills, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
