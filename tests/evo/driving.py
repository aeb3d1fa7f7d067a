"""Ways to drive an engine and a search in tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from evo.candidate import Candidate, Kernel
from evo.engine import Engine
from evo.evaluation import Evaluation
from evo.events import Event
from evo.fold import fold
from evo.identity import lineage_digest
from evo.journal import Journal
from evo.loop import Search
from evo.making import make, malformed
from evo.protocols import Evaluator, Tracker
from evo.settings import SearchSettings
from evo.task import Task
from tests.standins import SyntheticEvaluator, synthetic_engine, verdict

Told = tuple[Candidate, Evaluation]


def answer(engine: Engine) -> list[Told]:
    """Ask all that can be asked and return candidates and evaluations, none of them told."""
    answers = []
    while (proposal := engine.ask()) is not None:
        candidate = asyncio.run(make(proposal, engine))
        kernel = candidate.kernel
        evaluation = malformed(candidate, engine.source, engine.device) if kernel is None else verdict(kernel)
        answers.append((candidate, evaluation))
    return answers


def drive(engine: Engine, order: Callable[[list[Told]], Sequence[Told]] = lambda told: told) -> list[Event]:
    """Ask and tell until the engine has no more to ask; each generation's tells in the given order."""
    events: list[Event] = []
    while answers := answer(engine):
        for candidate, evaluation in order(answers):
            events += engine.tell(candidate, evaluation)
    return events


class ShuffledEvaluator:
    """Finishes evaluations in an order that its own random numbers choose; no clock is asked."""

    def __init__(self, inner: Evaluator, rng: random.Random) -> None:
        self.source = inner.source
        self.device = inner.device
        self._inner = inner
        self._rng = rng
        self._open: list[asyncio.Future[None]] = []

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._open.append(turn)
        loop.call_soon(self._let_one_go, self._rng.randrange(12))
        await turn
        return await self._inner.evaluate(kernel, task)

    def _let_one_go(self, hops: int) -> None:
        if hops:
            asyncio.get_running_loop().call_soon(self._let_one_go, hops - 1)
            return
        turn = self._open.pop(self._rng.randrange(len(self._open)))
        if not turn.done():
            turn.set_result(None)


def run_session(
    engine: Engine, evaluator: Evaluator, journal: Journal, trackers: Sequence[Tracker] = ()
) -> str | None:
    """Fold the journal into the engine and go on to the session's end; return why it stopped."""
    for _ in fold(journal, engine):
        pass
    return asyncio.run(Search(engine, evaluator, journal, trackers).run("settings"))


def session(
    path: Path,
    settings: SearchSettings | None = None,
    *,
    evaluator: Evaluator | None = None,
    trackers: Sequence[Tracker] = (),
    engine: Engine | None = None,
) -> tuple[Engine, str | None]:
    """Run one session of the run at the path, begun or resumed, to its end; return engine and reason."""
    engine = engine or synthetic_engine(settings)
    with Journal(path) if path.exists() else Journal.create(path) as journal:
        reason = run_session(engine, evaluator or SyntheticEvaluator(), journal, trackers)
    return engine, reason


def digest(engine: Engine) -> str:
    return lineage_digest(engine.individuals.values())
