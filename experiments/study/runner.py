"""Runner: has a study's runs searched by as many workers as there are, each run as soon as one is free."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

import msgspec

from evo.errors import RunFailure, UsageError
from evo.journal import JournalReader
from evo.lock import FileLock
from evo.records import Ended
from evo.tables import is_blank
from experiments.run_folder import JOURNAL
from experiments.study.grid import PlannedRun
from experiments.study.worker import Order, Outcome, work

LOCK = ".lock"
CACHE = "evaluations.sqlite"
PATIENCE_SECONDS = 30.0
"""How long workers may take to leave a run in order."""


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, seen from here.

    Attributes:
        process: the worker.
        line: to it.
    """

    process: BaseProcess
    line: Connection


class Listener(Protocol):
    """Hears how far a study has come."""

    def due(self, due: Sequence[PlannedRun], /) -> None:
        """Take note of the runs that are left to search."""

    def told(self, run: PlannedRun, outcome: Outcome, /) -> None:
        """Take note of a run that has ended now."""


def run_all(runs: Sequence[PlannedRun], order: Order, workers: int, listener: Listener) -> None:
    """Search the runs in their order until all have ended; those that had ended are left alone.

    After an interrupt, or a failure, those under way are left as an interrupt leaves them, and the same call
    goes on from there.

    Raises:
        UsageError: another process works on the study, or a run was begun with other settings.
        RunFailure: a run cannot go on, or a worker died.
    """
    due = [run for run in runs if not ended(order.folder / run.path)]
    listener.due(due)
    if not due:
        return
    with _locked(order.folder), _posts(order, min(workers, len(due))) as posts:
        waiting = iter(due)
        busy: dict[Connection, PlannedRun] = {}
        for post in posts:
            _send_next(post.line, waiting, busy)
        while busy:
            for line in wait(list(busy)):
                assert isinstance(line, Connection)
                run = busy.pop(line)
                listener.told(run, _outcome(line, run, posts))
                _send_next(line, waiting, busy)


def ended(folder: Path) -> bool:
    """Return whether a run's search has stopped by itself.

    Raises:
        KernevoError: its journal cannot be read.
    """
    path = folder / JOURNAL
    if not path.exists() or is_blank(path):
        return False
    with JournalReader(path) as journal:
        last = journal.last()
    return last is not None and isinstance(last.record, Ended)


def refuse_waiting(paths: Sequence[str]) -> None:
    """Refuse runs that did not end although nothing was left to do: they wait for replies of models.

    Raises:
        RunFailure: there are some.
    """
    if paths:
        raise RunFailure(
            f"{len(paths)} runs wait for replies of models, {paths[0]} for one: `kernevo ask` and "
            "`kernevo tell` carry them, and the same command goes on then"
        )


def _send_next(line: Connection, waiting: Iterator[PlannedRun], busy: dict[Connection, PlannedRun]) -> None:
    run = next(waiting, None)
    if run is not None:
        line.send(run)
        busy[line] = run


def _outcome(line: Connection, run: PlannedRun, posts: Sequence[Post]) -> Outcome:
    """Return how a run ended.

    Raises:
        UsageError, RunFailure: it did not end in order.
    """
    try:
        outcome: Outcome = line.recv()
    except (EOFError, ConnectionResetError):
        [process] = [post.process for post in posts if post.line is line]
        process.join(PATIENCE_SECONDS)
        raise RunFailure(
            f"a worker must live until its run has ended, the one of {run.path} ended with exit code "
            f"{process.exitcode}; the same command goes on from here"
        ) from None
    if outcome.error is not None:
        failure = UsageError if outcome.misused else RunFailure
        raise failure(f"{outcome.path or run.path}: {outcome.error}")
    return outcome


@contextlib.contextmanager
def _posts(order: Order, count: int) -> Iterator[list[Post]]:
    """Start workers; at the end close their lines, so that they end, and see that they do."""
    context = get_context("spawn")
    posts: list[Post] = []
    try:
        for number in range(count):
            here, there = context.Pipe()
            process = context.Process(target=work, args=(there, order), name=f"kernevo-study-{number}")
            process.start()
            there.close()
            posts.append(Post(process=process, line=here))
        yield posts
    finally:
        for post in posts:
            post.line.close()
        for post in posts:
            post.process.join(PATIENCE_SECONDS)
            if post.process.is_alive():
                post.process.kill()
                post.process.join()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the study for this process.

    Raises:
        RunFolderError: another live process holds it, or the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        yield
    finally:
        lock.release()
