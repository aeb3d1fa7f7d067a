"""Credit: what came of each operator and what it gained, in one pass over a journal."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from evo.candidate import FREE, Spend
from evo.evaluation import Stage, Status
from evo.gain import TUNING, Outcome, gained
from evo.identity import IDENTITY, RunIdentity
from evo.journal import JournalReader
from evo.objective import progress
from evo.proposing import FOUNDING
from evo.records import ATTEMPTS
from evo.settings import Mode


class OperatorCredit(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one operator; gains are log2, over the fastest parent that passed.

    Attributes:
        operator: its name.
        tuning: whether it only sets what is to be set, so that its gains are no ideas.
        asked: proposals, those under way included.
        statuses: how its candidates ended.
        improved: candidates that gained anything over their parents.
        gain: all that was gained, added up.
        best: number of the fastest that it made, if any passed that repeats no other.
        best_speedup: that one's speed-up over the seed kernel.
        spend: what was paid for all of it.
    """

    operator: str
    tuning: bool
    asked: int = 0
    statuses: dict[Status, int] = {}
    improved: int = 0
    gain: float = 0.0
    best: int | None = None
    best_speedup: float | None = None
    spend: Spend = FREE

    @property
    def told(self) -> int:
        """Candidates that ended, each of which cost a place of the budget."""
        return sum(self.statuses.values())

    @property
    def mean_gain(self) -> float:
        """What a candidate gained that gained anything; 0 if none did."""
        return self.gain / self.improved if self.improved else 0.0

    @property
    def gain_per_evaluation(self) -> float:
        """What a place of the budget gained; 0 if none was used."""
        return self.gain / self.told if self.told else 0.0


class Credits(msgspec.Struct, frozen=True, kw_only=True):
    """What came of all operators of a run.

    Attributes:
        operators: most gain first, by name among equals; founders have none.
        statuses: how all candidates ended, the seed included, most frequent first.
        elite: number of the fastest candidate; None before the seed kernel passed.
    """

    operators: tuple[OperatorCredit, ...]
    statuses: dict[Status, int]
    elite: int | None

    def gain(self, *, tuning: bool) -> float:
        """Return all that was gained by tuning, or by everything else."""
        return sum(each.gain for each in self.operators if each.tuning is tuning)


def credits_of(journal: JournalReader) -> Credits:
    """Return what came of the operators, candidates that wait for their generation's barrier included.

    Each candidate counts as it was or will be settled; nothing is folded, no kernel is read.

    Raises:
        JournalError: the journal cannot be read.
    """
    proposals = _proposals(journal)
    tallies = {name: _Tally() for name in sorted({each.operator for each in proposals.values()})}
    for proposal in proposals.values():
        tallies[proposal.operator].asked += 1
    outcomes: dict[int, Outcome] = {}
    statuses: Counter[Status] = Counter()
    for told, outcome in _outcomes(journal):
        outcomes[told.number] = outcome
        statuses[outcome.status] += 1
        proposal = proposals[told.number]
        parents = [outcomes[parent] for parent in proposal.parents]
        tallies[proposal.operator].add(told, outcome, gained(outcome, parents))
    based = 0 in outcomes and outcomes[0].status is Status.PASSED
    made = [tally.credit(name) for name, tally in tallies.items() if name not in FOUNDING]
    return Credits(
        operators=tuple(sorted(made, key=lambda credit: (-credit.gain, credit.operator))),
        statuses=dict(statuses.most_common()),
        elite=min((tally.best for tally in tallies.values()), default=_NONE)[1] if based else None,
    )


class _Proposal(msgspec.Struct, frozen=True):
    """What credit reads of a proposal."""

    number: int
    operator: str
    parents: tuple[int, ...]


class _Asked(msgspec.Struct, frozen=True):
    proposal: _Proposal


class _Latency(msgspec.Struct, frozen=True):
    workload: str
    latency_ms: float


class _Verdict(msgspec.Struct, frozen=True):
    """What credit reads of an evaluation."""

    status: Status
    stage: Stage
    checks_passed: int
    checks_total: int
    measurements: tuple[_Latency, ...]
    plan_digest: str | None

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED


class _Told(msgspec.Struct, frozen=True):
    number: int
    attempt: int
    kernel: str | None
    evaluation: _Verdict
    spend: Spend = FREE


_NONE: tuple[float, int | None] = (math.inf, None)
"""The best of an operator of which nothing passed: minus its speed, and its number."""


class _Tally:
    """The sums of one operator."""

    def __init__(self) -> None:
        self.asked = 0
        self.best = _NONE
        self._statuses: Counter[Status] = Counter()
        self._improved = 0
        self._gains: list[float] = []
        self._spend = FREE

    def add(self, told: _Told, outcome: Outcome, gain: float) -> None:
        """Take note of a candidate in its place."""
        self._statuses[outcome.status] += 1
        self._spend += told.spend
        if gain > 0:
            self._gains.append(gain)
        if outcome.status is Status.PASSED:
            self.best = min(self.best, (-outcome.speed, told.number))

    def credit(self, name: str) -> OperatorCredit:
        speed, number = self.best
        return OperatorCredit(
            operator=name,
            tuning=name in TUNING,
            asked=self.asked,
            statuses=dict(self._statuses.most_common()),
            improved=len(self._gains),
            gain=math.fsum(self._gains),
            best=number,
            best_speedup=None if number is None else 2.0**-speed,
            spend=self._spend,
        )


def _proposals(journal: JournalReader) -> Mapping[int, _Proposal]:
    decoder = msgspec.json.Decoder(_Asked)
    rows = journal.rows("SELECT body FROM events WHERE kind = 'asked' ORDER BY seq")
    proposals = (decoder.decode(body).proposal for (body,) in rows)
    return {proposal.number: proposal for proposal in proposals}


def _outcomes(journal: JournalReader) -> Iterator[tuple[_Told, Outcome]]:
    """Yield what was told and what it came to, in settling order; repeats by the rule of `evo.repeats`."""
    identity = journal.meta(IDENTITY, RunIdentity)
    order = "seq" if identity is not None and identity.mode is Mode.STEADY else "body ->> '$.number'"
    decoder = msgspec.json.Decoder(_Told)
    baseline: dict[str, float] = {}  # of the seed kernel; nothing has a speed if that did not pass
    seen: set[str] = set()
    for (body,) in journal.rows(f"SELECT body FROM events WHERE kind = 'told' ORDER BY {order}"):
        told = decoder.decode(body)
        verdict = told.evaluation
        if verdict.status is Status.TIMEOUT and told.attempt < ATTEMPTS:
            continue
        latencies = {each.workload: each.latency_ms for each in verdict.measurements}
        baseline = latencies if told.number == 0 else baseline
        ratios = [math.log2(baseline[name] / latency) for name, latency in latencies.items() if baseline]
        named = (("kernel", told.kernel), ("plan", verdict.plan_digest))
        digests = [f"{kind} {digest}" for kind, digest in named if digest is not None]
        status = Status.DUPLICATE if not seen.isdisjoint(digests) else verdict.status
        seen.update(digests)
        speed = sum(ratios) / len(ratios) if status is Status.PASSED and ratios else 0.0
        yield told, Outcome(status, progress(verdict), speed)
