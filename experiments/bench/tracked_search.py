"""One search of the tracked benchmark, in a process of its own: evaluations sleep, all else is a run as ever.

`python -m experiments.bench.tracked_search FOLDER CANDIDATES [URI]`; without a URI nothing is tracked.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

from evo.budget import Budget
from evo.candidate import Kernel
from evo.engine import Engine
from evo.evaluation import Evaluation, Source
from evo.events import Event, GenerationEnded
from evo.loop import Search
from evo.settings import SearchSettings
from evo.task import Task
from experiments.bench.engine import DEVICE, NullEvaluator, NullOperator, NullPortfolio
from experiments.session import Session, begin
from experiments.settings import RunSettings
from experiments.suites.loader import load_task
from experiments.tracking_settings import TrackingSettings
from experiments.watching import watching

SECONDS = 0.1
"""What one evaluation takes."""

IN_FLIGHT = 2
TASK = "softmax"
MARKS = "marks.json"
"""The file in the run folder that holds what the search saw of the clock."""


class SleepingEvaluator(NullEvaluator):
    """Takes its time, as a GPU would, and none of the processor's."""

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict, a while later."""
        await asyncio.sleep(SECONDS)
        return await super().evaluate(kernel, task)


class Clock:
    """A tracker that notes when generations ended, since the epoch, and how many were told by then."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, int]] = []

    def record(self, event: Event) -> None:
        """Note the end of a generation."""
        if isinstance(event, GenerationEnded):
            self.marks.append((time.time(), event.told))

    def close(self) -> None:
        """Do nothing."""


def begun(folder: Path, candidates: int, uri: str | None) -> Session:
    """Return the session of a new run that is tracked by a server, or not at all."""
    folder.mkdir(parents=True)
    search = SearchSettings(
        seed=sum(folder.name.encode()), budget=Budget(evaluations=candidates),
        proposals_in_flight=IN_FLIGHT, evaluations_in_flight=IN_FLIGHT,
    )  # fmt: skip
    tracking = TrackingSettings(enabled=uri is not None, uri=uri)
    settings = RunSettings(task=TASK, search=search, tracking=tracking)
    operators = {NullOperator.name: NullOperator()}
    engine = Engine(load_task(TASK), search, operators, NullPortfolio(), Source.MODELLED, DEVICE)
    return begin(folder, settings, engine)


def main(folder: Path, candidates: int, uri: str | None) -> None:
    """Search, and write what the clock said, the seconds that closing took last."""
    session, clock = begun(folder, candidates, uri), Clock()
    with contextlib.closing(session.journal), contextlib.ExitStack() as close:
        trackers = close.enter_context(watching(session, quiet=True))
        search = Search(session.engine, SleepingEvaluator(), session.journal, [*trackers, clock])
        asyncio.run(search.run(session.settings.to_toml()))
        stopped = time.time()
        close.close()
        told = {"marks": clock.marks, "closing_s": time.time() - stopped}
    (folder / MARKS).write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
