"""Evaluations that runs share: what was said of a kernel once is not worked out again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import msgspec

from evo.candidate import Kernel
from evo.errors import RunFailure
from evo.evaluation import Evaluation, Source, Status
from evo.protocols import Evaluator, KnownPlan, SparingEvaluator
from evo.task import Task

PATIENCE_SECONDS = 30.0
LAYOUT = "CREATE TABLE IF NOT EXISTS evaluations (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID"


def key_of(task: Task, kernel: Kernel, source: Source, device: str) -> str:
    """Return what an evaluation is kept under."""
    return f"{task.digest} {kernel.digest} {source} {device}"


class EvaluationCache:
    """A SQLite file of evaluations by task, kernel, source and device; many processes may use it at once."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            RunFailure: it cannot be opened, or is no such file.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")  # a lost evaluation is worked out again
            self._db.execute(LAYOUT)
        except (OSError, sqlite3.Error) as error:
            raise RunFailure(f"evaluation cache {path} cannot be opened: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def get(self, key: str) -> Evaluation | None:
        """Return the evaluation under a key, marked as cached; None if there is none."""
        row = self._run("SELECT body FROM evaluations WHERE key = ?", key)
        if row is None:
            return None
        return msgspec.structs.replace(msgspec.json.decode(row[0], type=Evaluation), cached=True)

    def put(self, key: str, evaluation: Evaluation) -> None:
        """Keep an evaluation; the first one under a key stays."""
        self._run("INSERT OR IGNORE INTO evaluations VALUES (?, ?)", key, msgspec.json.encode(evaluation))

    def _run(self, statement: str, *values: str | bytes) -> tuple[bytes] | None:
        try:
            with contextlib.closing(self._db.execute(statement, values)) as cursor:
                row: tuple[bytes] | None = cursor.fetchone()
                return row
        except sqlite3.Error as error:
            raise RunFailure(f"evaluation cache {self._path} cannot be used: {error}") from None


class CachingEvaluator:
    """An evaluator that asks another only for what the cache does not hold; a TIMEOUT is never kept."""

    def __init__(self, evaluator: Evaluator, cache: EvaluationCache) -> None:
        self._evaluator = evaluator
        self._cache = cache

    @property
    def source(self) -> Source:
        """As of the evaluator behind it."""
        return self._evaluator.source

    @property
    def device(self) -> str:
        """As of the evaluator behind it."""
        return self._evaluator.device

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict on a kernel; `cached` says whether it was known.

        Raises:
            RunFailure: the cache cannot be used; or as the evaluator behind it.
        """
        return await self._cached(
            kernel, task, lambda: self._evaluator.evaluate(kernel, task), lambda _: None
        )

    async def evaluate_unless(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation:
        """Return the verdict as `evaluate`, or what is known of the kernel's plan, which is not kept.

        Raises:
            RunFailure: as `evaluate`.
        """
        evaluator = self._evaluator
        if not isinstance(evaluator, SparingEvaluator):
            return await self.evaluate(kernel, task)
        return await self._cached(kernel, task, lambda: evaluator.evaluate_unless(kernel, task, known), known)

    async def _cached(
        self, kernel: Kernel, task: Task, evaluate: Callable[[], Awaitable[Evaluation]], known: KnownPlan
    ) -> Evaluation:
        """Return what the cache holds, or the evaluation, kept if it was made whole and may be believed."""
        key = key_of(task, kernel, self.source, self.device)
        held = self._cache.get(key)
        if held is not None:
            return held
        evaluation = await evaluate()
        spared = evaluation.plan_digest is not None and known(evaluation.plan_digest) is not None
        if evaluation.status is not Status.TIMEOUT and not spared:
            self._cache.put(key, evaluation)
        return evaluation
