"""Loop: asks the engine, has proposals made and evaluated side by side, journals all of it and tells it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import msgspec

from evo.budget import Standing, time_used
from evo.candidate import Candidate, Kernel, Proposal
from evo.chronicle import consult
from evo.engine import Engine
from evo.errors import KernevoError, Unanswered
from evo.evaluation import Cost, Evaluation
from evo.events import Event, Paused, Stopped
from evo.fold import inscribe, pending
from evo.journal import Journal
from evo.making import make, malformed, writable
from evo.past import JournalPast
from evo.protocols import Evaluator, SparingEvaluator, Tracker
from evo.records import Asked, Ended, Evaluated, Pending
from evo.settings import Mode


class Search:
    """One session of a run.

    Proposals go ahead of evaluations, each up to its own number in flight; in steady mode no more are owed
    than both numbers together, so that what is asked knows of what was told. A proposal is in the journal
    before an operator hears of it, an evaluation before engine and trackers do, so whatever kills the process
    costs at most what was in flight, which the next session makes again. A proposal whose reply does not come
    is left owed while the others go on; once nothing else is left to do, the session ends in order.
    """

    def __init__(
        self, engine: Engine, evaluator: Evaluator, journal: Journal, trackers: Sequence[Tracker] = ()
    ) -> None:
        """Prepare a session for an engine into which the journal is folded; the caller closes the trackers.

        Raises:
            ValueError: the journal is not folded into the engine, or the evaluator is not of its kind.
        """
        if engine.asked != journal.asked():
            raise ValueError(
                f"the journal must be folded into the engine: {journal.asked()} asked, got {engine.asked}"
            )
        if (evaluator.source, evaluator.device) != (engine.source, engine.device):
            raise ValueError(
                f"the engine takes evaluations {engine.source} on {engine.device}, "
                f"got an evaluator {evaluator.source} on {evaluator.device}"
            )
        engine.lean_on(JournalPast(journal))
        consult(engine, journal)
        self._engine = engine
        self._evaluator = evaluator
        self._journal = journal
        self._trackers = trackers
        self._owed = deque(pending(journal, engine))
        self._proposing = asyncio.Semaphore(engine.settings.proposals_in_flight)
        self._evaluating = asyncio.Semaphore(engine.settings.evaluations_in_flight)
        self._news = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._waiting = 0
        self._interrupted = False

    async def run(self, settings: str) -> str | Paused | None:
        """Search until the engine stops, the time is used, or all that is owed waits for replies.

        Return why it stopped, or that it paused and how many proposals wait; None if `stop` interrupted.
        Takes the resolved settings' text, for the journal. May be called once. A run that had stopped before,
        and whose budget leaves nothing to do, evaluates nothing and journals nothing.

        Raises:
            RunFailure: the seed kernel did not pass, the journal cannot be written, or a room failed.
            ExceptionGroup: an operator, evaluator or tracker broke its protocol.
        """
        used = self._journal.active_seconds()
        reason = self._engine.stopped or self._time_used(used)
        ending: list[Event] = []
        if reason is not None:
            ending = self._engine.stop(reason) or [Stopped(reason=reason)]
            if self._had_ended():
                return reason
        self._journal.open_session(settings)
        inscribe(self._journal, self._engine)
        if reason is not None:
            self._publish(ending)
            return reason
        if not self._interrupted:
            await self._interruptible(used)
        if self._engine.stopped is not None or self._interrupted:
            return self._engine.stopped
        paused = Paused(waiting=self._waiting)
        self._publish([paused])
        return paused

    def stop(self) -> None:
        """Interrupt the session from within its event loop: what is in flight is cancelled and stays owed."""
        self._interrupted = True
        if self._work is not None:
            self._work.cancel()

    async def _interruptible(self, used: float) -> None:
        """Search in a task of its own, which `stop` can cancel without cancelling the caller."""
        self._work = asyncio.create_task(self._search(used))
        try:
            await self._work
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not self._interrupted or (caller is not None and caller.cancelling()):
                raise

    async def _search(self, used: float) -> None:
        """Search until the engine stops, or until the budget's wall time is used."""
        limit = self._engine.settings.budget.wall_seconds
        try:
            async with asyncio.timeout(None if limit is None else limit - used):
                await self._all_tasks()
        except TimeoutError:
            self._publish(self._engine.stop(self._time_used(limit or 0.0) or ""))

    async def _all_tasks(self) -> None:
        """Run all tasks; if one fails, cancel the others and raise its KernevoError bare."""
        try:
            async with asyncio.TaskGroup() as group:
                while (owed := await self._next()) is not None:
                    group.create_task(self._see_through(owed))
        except ExceptionGroup as group_of_errors:
            failures = group_of_errors.subgroup(KernevoError)
            if failures is None:
                raise
            failure = _first(failures)
            raise failure from failure.__cause__

    async def _next(self) -> Pending | None:
        """Return what to make next once an operator may work, past the barrier too; None at the end."""
        await self._proposing.acquire()
        while self._engine.stopped is None:
            if self._owed:
                return self._owed.popleft()
            proposal = self._engine.ask() if self._keeps_up() else None
            if proposal is not None:
                self._journal.append(Asked(proposal=proposal))
                return Pending(proposal=proposal)
            if self._all_wait():
                return None
            self._news.clear()
            await self._news.wait()
        return None

    def _keeps_up(self) -> bool:
        """Return whether evaluations keep up with proposals; a generation is a bound of its own."""
        settings = self._engine.settings
        ahead = settings.proposals_in_flight + settings.evaluations_in_flight
        return settings.mode is Mode.GENERATIONAL or len(self._engine.pending) < ahead

    def _all_wait(self) -> bool:
        """Return whether all that is owed waits for replies."""
        return self._waiting > 0 and len(self._engine.pending) == self._waiting

    async def _see_through(self, owed: Pending) -> None:
        """Take one proposal all the way to the engine, or leave it owed if its reply does not come."""
        begun = time.monotonic()
        try:
            candidate = owed.candidate or await self._made(owed.proposal)
        except Unanswered:
            self._waiting += 1
            self._news.set()
            return
        finally:
            self._proposing.release()
        making_seconds = time.monotonic() - begun
        evaluation = await self._evaluate_finally(candidate, owed.attempt, making_seconds)
        self._publish(self._engine.tell(candidate, evaluation))
        self._news.set()

    async def _made(self, proposal: Proposal) -> Candidate:
        """Return the candidate, which has cost at least what was paid for replies that were kept for it."""
        candidate = await make(proposal, self._engine)
        paid = candidate.spend.at_least(self._engine.charged(proposal.number))
        return candidate if paid == candidate.spend else msgspec.structs.replace(candidate, spend=paid)

    async def _evaluate_finally(
        self, candidate: Candidate, attempt: int, making_seconds: float
    ) -> Evaluation:
        """Return the evaluation that counts, journalled: the first that is no TIMEOUT, or the last."""
        evaluation = await self._evaluate(candidate)
        kernel = candidate.kernel
        record = Evaluated(
            number=candidate.number,
            attempt=attempt,
            summary=candidate.summary,
            kernel=None if kernel is None else kernel.digest,
            evaluation=evaluation,
            syntax=candidate.syntax,
            redraws=candidate.redraws,
            spend=candidate.spend,
            request=candidate.request,
            origin=candidate.origin,
            making_seconds=making_seconds,
        )
        self._journal.append(record, *([] if kernel is None else [kernel.source.encode()]))
        if record.final:
            return evaluation
        return await self._evaluate_finally(candidate, attempt + 1, making_seconds)

    async def _evaluate(self, candidate: Candidate) -> Evaluation:
        """Return the verdict, without asking the evaluator where it is known."""
        if candidate.kernel is None:
            return malformed(candidate, self._engine.source, self._engine.device)
        async with self._evaluating:
            known = self._engine.known(candidate)
            if known is not None:
                return msgspec.structs.replace(known, cost=Cost())
            evaluation = await self._judge(candidate.kernel)
        return msgspec.structs.replace(evaluation, feedback=writable(evaluation.feedback))

    async def _judge(self, kernel: Kernel) -> Evaluation:
        """Return the evaluator's verdict; where it can, it stops at a plan of which the verdict is known."""
        if isinstance(self._evaluator, SparingEvaluator):
            return await self._evaluator.evaluate_unless(kernel, self._engine.task, self._engine.known_plan)
        return await self._evaluator.evaluate(kernel, self._engine.task)

    def _publish(self, events: Sequence[Event]) -> None:
        """Hand events to the trackers; that the search stopped goes to the journal first."""
        for event in events:
            if isinstance(event, Stopped):
                self._journal.append(Ended(reason=event.reason))
            for tracker in self._trackers:
                tracker.record(event)

    def _time_used(self, seconds: float) -> str | None:
        return time_used(self._engine.settings.budget, Standing(active_seconds=seconds))

    def _had_ended(self) -> bool:
        last = self._journal.last()
        return last is not None and isinstance(last.record, Ended)


def _first(failures: BaseExceptionGroup[KernevoError]) -> KernevoError:
    """Return the first failure in the group, however deep."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
