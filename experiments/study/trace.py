"""Trace: what a study asks of one run, step by step in tell order; a simulated run yields the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from evo.candidate import Proposal
from evo.evaluation import Evaluation, Source, Status
from evo.identity import RunIdentity
from evo.journal import JournalReader
from evo.objective import geometric_speedup
from evo.records import Asked, Called, Entry, Evaluated, Opened
from evo.repeats import Firsts
from evo.replay import recorded_task
from evo.settings import Mode


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """What one step cost, in every currency that a study counts in; all attempts at it are included.

    Attributes:
        evaluations: places of the budget: 1.
        llm_calls: requests that models answered.
        tokens, dollars: of those.
        gpu_seconds, cpu_seconds: of its evaluation.
        making_seconds: wall time that its operator took, models included.
        evaluating_seconds: wall time of its evaluation.
    """

    evaluations: int = 1
    llm_calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    gpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    making_seconds: float = 0.0
    evaluating_seconds: float = 0.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate, as it was told.

    Attributes:
        number, generation, island, operator, parents: its proposal's.
        status: as settled: a repeat is a DUPLICATE whatever its own verdict was.
        verdict: its own verdict, which a repeat shares with what it repeats: rates of right answers count it.
        speedup: geometric mean over the seed kernel; None unless it passed and repeats none.
        staleness: candidates told between its ask and its own tell.
        asked_s, told_s: seconds of the run's active time.
        paid: what it cost.
        plan: digest of its plan, once it was captured.
        cached: whether the verdict came from a cache that runs share: never mixed into rates.
    """

    number: int
    generation: int
    operator: str
    parents: tuple[int, ...]
    status: Status
    verdict: Status
    speedup: float | None
    staleness: int
    asked_s: float
    told_s: float
    island: int = 0
    paid: Paid = Paid()
    plan: str | None = None
    cached: bool = False


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        task: the task's name.
        seed: the run's.
        cell: name of the cell of the study that it belongs to.
        source, device: of all evaluations.
        steps: in tell order, the seed kernel's first.
        generational: whether results counted at barriers only.
    """

    task: str
    seed: int
    cell: str
    source: Source
    device: str
    steps: tuple[Step, ...]
    generational: bool = True


def trace_of(journal: JournalReader, cell: str = "") -> Trace:
    """Return the trace of a run as far as it came, read in one pass over its journal.

    Raises:
        RunFolderError: no session of the run has begun.
        JournalError: the journal cannot be read.
    """
    task, identity = recorded_task(journal)
    reading = _Reading()
    tells = [tell for entry in journal.entries() for tell in reading.take(entry)]
    settled = _settled(tells, identity)
    baseline = next((tell.evaluation for tell in tells if tell.proposal.number == 0), None)
    return Trace(
        task=task.name, seed=identity.seed, cell=cell, source=identity.source, device=identity.device,
        generational=identity.mode is Mode.GENERATIONAL,
        steps=tuple(_step(tell, settled[tell.proposal.number], baseline) for tell in tells),
    )  # fmt: skip


class _Tell(msgspec.Struct, frozen=True, kw_only=True):
    """A final evaluation in its place."""

    proposal: Proposal
    told: Evaluated
    staleness: int
    asked_s: float
    told_s: float
    paid: Paid

    @property
    def evaluation(self) -> Evaluation:
        return self.told.evaluation


class _Reading:
    """Reads entries in their order: who is owed since when, and what was paid for whom."""

    def __init__(self) -> None:
        self._idle = 0.0
        self._last: float | None = None
        self._told = 0
        self._owed: dict[int, tuple[Proposal, float, int]] = {}
        self._calls: Counter[int] = Counter()
        self._tried: dict[int, Paid] = {}

    def take(self, entry: Entry) -> Iterator[_Tell]:
        """Take the next entry, and yield what it told for good."""
        record = entry.record
        if isinstance(record, Opened):
            self._idle += entry.at if self._last is None else max(0.0, entry.at - self._last)
        self._last = entry.at
        if isinstance(record, Asked):
            self._owed[record.proposal.number] = (record.proposal, entry.at - self._idle, self._told)
        elif isinstance(record, Called):
            self._calls[record.number] += 1
        elif isinstance(record, Evaluated):
            paid = self._add(record)
            if record.final:
                yield self._tell(record, entry.at - self._idle, paid)

    def _add(self, record: Evaluated) -> Paid:
        """Return what a candidate has cost so far, and note it if it is evaluated once more."""
        before = self._tried.pop(record.number, Paid())
        cost = record.evaluation.cost
        paid = Paid(
            llm_calls=self._calls[record.number], tokens=record.spend.tokens, dollars=record.spend.dollars,
            gpu_seconds=before.gpu_seconds + cost.gpu_seconds,
            cpu_seconds=before.cpu_seconds + cost.cpu_seconds, making_seconds=record.making_seconds,
            evaluating_seconds=before.evaluating_seconds + cost.wall_seconds,
        )  # fmt: skip
        if not record.final:
            self._tried[record.number] = paid
        return paid

    def _tell(self, record: Evaluated, at: float, paid: Paid) -> _Tell:
        proposal, asked_s, told = self._owed.pop(record.number)
        tell = _Tell(
            proposal=proposal, told=record, staleness=self._told - told, asked_s=asked_s, told_s=at, paid=paid
        )
        self._told += 1
        return tell


def _settled(tells: Iterable[_Tell], identity: RunIdentity) -> dict[int, Status]:
    """Return the status of each candidate as it was settled, or will be: repeats by `evo.repeats`."""
    steady = identity.mode is Mode.STEADY
    firsts = Firsts()
    settled: dict[int, Status] = {}
    for tell in tells if steady else sorted(tells, key=lambda each: each.proposal.number):
        number, told = tell.proposal.number, tell.told
        first = firsts.settle(
            number, kernel=told.kernel, syntax=told.syntax, plan=told.evaluation.plan_digest
        )
        settled[number] = told.evaluation.status if first == number else Status.DUPLICATE
    return settled


def _step(tell: _Tell, status: Status, baseline: Evaluation | None) -> Step:
    speedup = None
    if status is Status.PASSED and baseline is not None:
        speedup = geometric_speedup(tell.evaluation, baseline)
    proposal = tell.proposal
    return Step(
        number=proposal.number, generation=proposal.generation, operator=proposal.operator,
        parents=proposal.parents, status=status, verdict=tell.evaluation.status, speedup=speedup,
        staleness=tell.staleness, asked_s=tell.asked_s, told_s=tell.told_s, island=proposal.island,
        paid=tell.paid, plan=tell.evaluation.plan_digest, cached=tell.evaluation.cached,
    )  # fmt: skip
