"""What a report tells of a run's candidates, of its best so far and of its end."""

from __future__ import annotations

import math

import msgspec

from evo.candidate import FREE, Spend
from evo.evaluation import Source, Stage, Status
from evo.gain import Outcome
from evo.identity import RunIdentity
from evo.task import Task


class Speed(msgspec.Struct, frozen=True):
    """A speed-up over the seed kernel, and the bounds of its 99% interval; all equal where it is modelled."""

    value: float
    low: float
    high: float


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate as it was or will be settled.

    Attributes:
        number, operator, parents, island, generation: the proposal's.
        status, stage: how it ended, and the stage that ended it.
        reached: how far through the cascade it came (`evo.objective.progress`).
        summary: its one line.
        reason: the first line of its feedback, unless it passed.
        speed: over the seed kernel; None unless it passed.
        duplicate_of: number of the candidate that it repeats.
        kernel: digest of its source; None if it is malformed.
        request: digest of the request whose reply it was made from.
        spend: what was paid for it.
    """

    number: int
    operator: str
    parents: tuple[int, ...]
    island: int
    generation: int
    status: Status
    stage: Stage
    reached: float
    summary: str
    reason: str = ""
    speed: Speed | None = None
    duplicate_of: int | None = None
    kernel: str | None = None
    request: str | None = None
    spend: Spend = FREE

    @property
    def passed(self) -> bool:
        """Whether it is correct, has latencies and repeats no other."""
        return self.status is Status.PASSED


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run had come when a candidate was told.

    Attributes:
        evaluations: candidates told by then.
        seconds: that the run's sessions had been active.
        cpu_seconds, gpu_seconds: that evaluations had taken.
        tokens, dollars: that had been paid.
        best: number of the fastest candidate by then; None before any passed.
        speed: its speed-up.
    """

    evaluations: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    tokens: int = 0
    dollars: float = 0.0
    best: int | None = None
    speed: Speed | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that a model answered: digests of request and reply, the model, and what was paid."""

    number: int
    request: str
    reply: str
    model: str
    spend: Spend


class RunTold(msgspec.Struct, frozen=True, kw_only=True):
    """A run as its journal tells it.

    Attributes:
        name: of the run folder.
        task, identity: as recorded.
        settings: the resolved settings' text of the latest session; empty before the first.
        begun: when the first session began, in seconds since the epoch; None before that.
        sessions: processes that worked on it, one after the other.
        stopped: why it stopped; None if it is searching or was interrupted.
        fates: the candidates that were told, numbers ascending.
        improvements: the moments at which there was a faster candidate than before.
        latest: how far it has come.
        elites: the numbers of all that were the fastest when they were settled, in that order.
        calls: replies of models, by the candidate that they were for.
        under_way: proposals whose candidates are owed.
        opinion: what a second opinion on the winner came to, in words; empty if none was sought.
    """

    name: str
    task: Task
    identity: RunIdentity
    settings: str
    begun: float | None
    sessions: int
    stopped: str | None
    fates: dict[int, Fate]
    improvements: tuple[Moment, ...]
    latest: Moment
    elites: tuple[int, ...]
    calls: dict[int, tuple[Call, ...]]
    under_way: int
    opinion: str = ""

    @property
    def source(self) -> Source:
        """Whether its figures are measured or modelled."""
        return self.identity.source

    @property
    def winner(self) -> Fate | None:
        """The fastest candidate, the first among equals; None before any passed."""
        passed = (each for each in self.fates.values() if each.passed and each.speed)
        return min(passed, key=lambda each: (-_speed(each), each.number), default=None)

    def line(self, number: int) -> tuple[int, ...]:
        """Return the way to a candidate along first parents, from the one without parents to itself."""
        way = [number]
        while parents := self.fates[way[-1]].parents:
            if parents[0] not in self.fates:
                break
            way.append(parents[0])
        return tuple(reversed(way))

    def outcome(self, number: int) -> Outcome:
        """Return what a candidate came to, as gains ask."""
        fate = self.fates[number]
        return Outcome(fate.status, fate.reached, log2_speed(fate))


def log2_speed(fate: Fate) -> float:
    """Return the log2 speed-up of a candidate; 0 unless it passed."""
    return math.log2(fate.speed.value) if fate.speed else 0.0


def _speed(fate: Fate) -> float:
    return fate.speed.value if fate.speed else 0.0
