"""One pass over a journal: what became of every candidate, when the best was found, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec

from evo.candidate import Proposal
from evo.errors import JournalError
from evo.evaluation import Evaluation, Measurement, Status
from evo.journal import JournalReader
from evo.objective import progress
from evo.records import Asked, Called, Ended, Entry, Evaluated, Opened, SecondOpinion
from evo.repeats import Firsts
from evo.replay import recorded_task
from evo.settings import Mode
from experiments.render_opinion import in_words
from experiments.report.fates import Call, Fate, Moment, RunTold, Speed

LONGEST_LINE = 300
"""Characters of a summary, or of a reason, that are shown where one line is."""


def gather(journal: JournalReader, folder: Path, redact: Callable[[str], str]) -> RunTold:
    """Return a run as its journal tells it, also while it is searching.

    Raises:
        RunFolderError: no session of the run has begun, or the journal cannot be decoded.
        JournalError: the journal cannot be read, or tells of what was never asked.
    """
    task, identity = recorded_task(journal)
    told = _Told(journal, redact)
    for entry in journal.entries():
        told.take(entry)
    fates, elites = told.settled(steady=identity.mode is Mode.STEADY)
    settings = "" if told.settings is None else redact(journal.blob(told.settings).decode())
    return RunTold(
        name=redact(folder.absolute().name), task=task, identity=identity, settings=settings,
        begun=told.begun, sessions=told.sessions, stopped=told.stopped and redact(told.stopped),
        fates=fates, improvements=tuple(told.improvements), latest=told.now, elites=elites,
        calls={number: tuple(calls) for number, calls in told.calls.items()},
        under_way=len(told.proposals) - len(fates), opinion=redact(told.opinion),
    )  # fmt: skip


class _Told:
    """What the entries that were taken come to."""

    def __init__(self, journal: JournalReader, redact: Callable[[str], str]) -> None:
        self.settings: str | None = None
        self.begun: float | None = None
        self.sessions = 0
        self.stopped: str | None = None
        self.opinion = ""
        self.proposals: dict[int, Proposal] = {}
        self.improvements: list[Moment] = []
        self.now = Moment()
        self.calls: dict[int, list[Call]] = {}
        self._journal = journal
        self._redact = redact
        self._former = self._opened = self._at = 0.0
        self._baseline: Evaluation | None = None
        self._told: list[tuple[Fate, str | None, str | None]] = []

    def take(self, entry: Entry) -> None:
        record, self._at = entry.record, max(self._at, entry.at)
        if isinstance(record, Opened):
            self._open(entry.at, record)
        elif isinstance(record, Asked):
            self.proposals[record.proposal.number] = record.proposal
        elif isinstance(record, Called):
            self._call(record)
        elif isinstance(record, Evaluated):
            self._tell(entry.at, record)
        elif isinstance(record, Ended):
            self.stopped = record.reason
        elif isinstance(record, SecondOpinion):
            self.opinion = in_words(record)

    def settled(self, *, steady: bool) -> tuple[dict[int, Fate], tuple[int, ...]]:
        """Return the candidates as they were or will be settled, and those that were the best by then."""
        firsts, fates, elites, best = Firsts(), {}, [], 0.0
        told = self._told if steady else sorted(self._told, key=lambda each: each[0].number)
        for fate, syntax, plan in told:
            first = firsts.settle(fate.number, kernel=fate.kernel, syntax=syntax, plan=plan)
            if first != fate.number:
                fate = msgspec.structs.replace(
                    fate, status=Status.DUPLICATE, duplicate_of=first, speed=None,
                    reason=f"repeats candidate {first}",
                )  # fmt: skip
            fates[fate.number] = fate
            if fate.speed and fate.speed.value > best:
                best = fate.speed.value
                elites.append(fate.number)
        return dict(sorted(fates.items())), tuple(elites)

    def _open(self, at: float, record: Opened) -> None:
        """A session begins: the time between the last record of the former and now was nobody's."""
        if self.begun is None:
            self.begun = at
        self._former, self._opened = self.now.seconds, at
        self.sessions += 1
        self.settings, self.stopped = record.settings, None

    def _call(self, record: Called) -> None:
        call = Call(
            number=record.number, request=record.request, reply=record.reply, spend=record.spend,
            model=self._redact(_model(self._journal.blob(record.request))),
        )  # fmt: skip
        self.calls.setdefault(record.number, []).append(call)

    def _tell(self, at: float, record: Evaluated) -> None:
        proposal, cost = self.proposals.get(record.number), record.evaluation.cost
        if proposal is None:
            raise JournalError(
                f"a journal tells of what was asked, got candidate {record.number} that was not: "
                f"{self._journal.path}"
            )
        self.now = now = msgspec.structs.replace(
            self.now, seconds=self._former + max(at - self._opened, 0.0),
            cpu_seconds=self.now.cpu_seconds + cost.cpu_seconds,
            gpu_seconds=self.now.gpu_seconds + cost.gpu_seconds,
        )  # fmt: skip
        if not record.final:
            return
        if record.number == 0:
            self._baseline = record.evaluation
        fate = self._fate(proposal, record)
        self.now = now = msgspec.structs.replace(
            now, evaluations=now.evaluations + 1, tokens=now.tokens + record.spend.tokens,
            dollars=now.dollars + record.spend.dollars,
        )  # fmt: skip
        if fate.speed is not None and (now.speed is None or fate.speed.value > now.speed.value):
            self.now = msgspec.structs.replace(now, best=fate.number, speed=fate.speed)
            self.improvements.append(self.now)
        self._told.append((fate, record.syntax, record.evaluation.plan_digest))

    def _fate(self, proposal: Proposal, record: Evaluated) -> Fate:
        evaluation = record.evaluation
        reason = "" if evaluation.passed else evaluation.feedback.strip().partition("\n")[0]
        return Fate(
            number=record.number, operator=proposal.operator, parents=proposal.parents,
            island=proposal.island, generation=proposal.generation, status=evaluation.status,
            stage=evaluation.stage, reached=progress(evaluation),
            summary=self._redact(record.summary[:LONGEST_LINE]), reason=self._redact(reason[:LONGEST_LINE]),
            speed=_speed(evaluation, self._baseline), kernel=record.kernel, request=record.request,
            spend=record.spend,
        )  # fmt: skip


class _Named(msgspec.Struct):
    """What is read of a request."""

    model: str = "unknown"


def _model(request: bytes) -> str:
    """Return the model that a request is for; `unknown` if it does not say."""
    try:
        return msgspec.json.decode(request, type=_Named).model
    except msgspec.DecodeError:
        return "unknown"


def _speed(evaluation: Evaluation, baseline: Evaluation | None) -> Speed | None:
    """Return the speed-up over the seed kernel's latencies, with the bounds that the candidate's own give."""
    if baseline is None or not (evaluation.passed and baseline.passed):
        return None
    before = {each.workload: each.latency_ms for each in baseline.measurements}
    if before.keys() != {each.workload for each in evaluation.measurements}:
        return None

    def over(latency: Callable[[Measurement], float]) -> float:
        ratios = [math.log2(before[each.workload] / latency(each)) for each in evaluation.measurements]
        return math.exp2(math.fsum(ratios) / len(ratios))

    value, low, high = (
        over(lambda each: each.latency_ms), over(lambda each: each.high_ms), over(lambda each: each.low_ms),
    )  # fmt: skip
    return Speed(value, min(low, value), max(high, value))
