"""Worker: a process that searches the runs that it is sent, in rooms and with judges that stay open."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from evo.errors import KernevoError, UsageError
from evo.evaluation import Evaluation
from evo.events import Paused
from evo.protocols import Evaluator
from experiments.build import evaluator_in, judges_for
from experiments.evaluation_cache import CachingEvaluator, EvaluationCache, key_of
from experiments.run_folder import SETTINGS, write_best
from experiments.session import Session, begin, conduct, fresh_engine, go_on
from experiments.study.grid import PlannedRun
from fitness.judge.pool import Judges
from fitness.rooms import Rooms, open_rooms
from fitness.settings import FitnessSettings

SECRET_SEED = 0
"""All runs of a study draw the inputs of checks alike, so that a verdict is the same whoever asked for it."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to know of its study.

    Attributes:
        folder: of the study.
        fitness: where latencies come from, the same for all runs.
        cache: file of the evaluations that runs share, if they do.
        reports: whether to write a report of each run.
        one_process: whether one worker searches all runs that are under way: where GPUs measure, for each of
            them has one owner.
    """

    folder: Path
    fitness: FitnessSettings
    cache: Path | None
    reports: bool
    one_process: bool = False


class Bench(msgspec.Struct, frozen=True):
    """What a worker has open.

    Attributes:
        rooms: for candidates.
        judges: that own the GPUs, if there are any.
        cache: of the evaluations that runs share, if they do.
    """

    rooms: Rooms
    judges: Judges | None
    cache: EvaluationCache | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker's run ended.

    Attributes:
        path: the run's.
        ending: why the search stopped, or what it waits for.
        error: what kept it from going on, if anything did.
        misused: whether that was wrong use.
    """

    path: str
    ending: str = ""
    error: str | None = None
    misused: bool = False


def work(line: Connection, order: Order) -> None:
    """Search what comes down the line, all of it side by side, and say how each run ended.

    Once the line is closed the worker ends; runs that are under way are left as an interrupt leaves them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever holds the other end hears of it, and closes it
    with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
        asyncio.run(_work(line, order))


async def _work(line: Connection, order: Order) -> None:
    with _cache(order) as cache:
        try:
            async with open_rooms() as rooms, judges_for(order.fitness) as judges:
                await _search_all(line, order, Bench(rooms, judges, cache))
        except KernevoError as error:
            line.send(Outcome(path="", error=str(error), misused=isinstance(error, UsageError)))


async def _search_all(line: Connection, order: Order, bench: Bench) -> None:
    """Search what comes down the line until it is closed; a fault of our own in any search ends all."""
    async with asyncio.TaskGroup() as group:
        under_way: set[asyncio.Task[None]] = set()
        while (run := await _next(line)) is not None:
            task = group.create_task(_search(line, run, order, bench))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        for task in under_way:
            task.cancel()


async def _next(line: Connection) -> PlannedRun | None:
    """Return the next run, or None once the line is closed."""
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    loop.add_reader(line.fileno(), there.set)
    try:
        await there.wait()
        run: PlannedRun = line.recv()
    except (EOFError, ConnectionResetError):
        return None
    finally:
        loop.remove_reader(line.fileno())
    return run


async def _search(line: Connection, run: PlannedRun, order: Order, bench: Bench) -> None:
    line.send(await _outcome(run, order, bench))


async def _outcome(run: PlannedRun, order: Order, bench: Bench) -> Outcome:
    folder = order.folder / run.path
    try:
        session = _session(folder, run)
        with session.journal:
            anchor = session.engine.baseline or _known_seed(session, bench.cache)
            opened = evaluator_in(bench.rooms, order.fitness, SECRET_SEED, anchor, bench.judges)
            async with opened as own:
                evaluator: Evaluator = own if bench.cache is None else CachingEvaluator(own, bench.cache)
                ending = await conduct(session, evaluator)
        if session.engine.elite is not None:
            write_best(folder, session.engine.elite)
    except KernevoError as error:
        return Outcome(path=run.path, error=str(error), misused=isinstance(error, UsageError))
    if order.reports:
        _leave_report(folder)
    waits = isinstance(ending, Paused)
    return Outcome(path=run.path, ending="waits for replies" if waits else str(ending))


def _session(folder: Path, run: PlannedRun) -> Session:
    """Return the session of a run, from wherever it stopped."""
    if (folder / SETTINGS).exists():
        return go_on(folder, run.settings)
    folder.mkdir(parents=True, exist_ok=True)
    return begin(folder, run.settings, fresh_engine(run.settings))


def _known_seed(session: Session, cache: EvaluationCache | None) -> Evaluation | None:
    """Return what other runs were told of the seed kernel, on whose footing latencies are measured."""
    engine = session.engine
    key = key_of(engine.task, engine.task.seed, engine.source, engine.device)
    return None if cache is None else cache.get(key)


def _leave_report(folder: Path) -> None:
    """Write a run's report; no study fails for it."""
    from experiments.report.writing import write_report  # imports jinja2

    with contextlib.suppress(KernevoError):
        write_report(folder)


@contextlib.contextmanager
def _cache(order: Order) -> Iterator[EvaluationCache | None]:
    if order.cache is None:
        yield None
        return
    with EvaluationCache(order.cache) as cache:
        yield cache
