"""Runner: has a study's runs searched by as many workers as there are, each run as soon as one is free."""

from __future__ import annotations

import contextlib
import itertools
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


class Post(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A worker, seen from here.

    Attributes:
        process: the worker.
        line: to it.
        under_way: the runs that it was sent and that have not ended, by path.
    """

    process: BaseProcess
    line: Connection
    under_way: dict[str, PlannedRun] = {}

    def send(self, run: PlannedRun) -> None:
        """Have the worker search a run, beside those that are under way."""
        self.under_way[run.path] = run
        self.line.send(run)


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
    processes = 1 if order.one_process else min(workers, len(due))
    with _locked(order.folder), _posts(order, processes) as posts:
        waiting = iter(due)
        for place, run in enumerate(itertools.islice(waiting, workers)):
            posts[place % processes].send(run)
        while busy := [post for post in posts if post.under_way]:
            for line in wait([post.line for post in busy]):
                [post] = [post for post in busy if post.line is line]
                outcome = _outcome(post)
                listener.told(post.under_way.pop(outcome.path), outcome)
                for following in itertools.islice(waiting, 1):
                    post.send(following)


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


def _outcome(post: Post) -> Outcome:
    """Return how a run of a worker ended.

    Raises:
        UsageError, RunFailure: it did not end in order.
    """
    one = next(iter(post.under_way))
    try:
        outcome: Outcome = post.line.recv()
    except (EOFError, ConnectionResetError):
        post.process.join(PATIENCE_SECONDS)
        raise RunFailure(
            f"a worker must live until its runs have ended, that of {one} ended with exit code "
            f"{post.process.exitcode}; the same command goes on from here"
        ) from None
    if outcome.error is not None:
        failure = UsageError if outcome.misused else RunFailure
        raise failure(f"{outcome.path or one}: {outcome.error}")
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
