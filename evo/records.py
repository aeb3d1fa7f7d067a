"""Records: what a journal holds, one after the other. The state of a search is their fold."""

from __future__ import annotations

import msgspec

from evo.candidate import FREE, Candidate, Kernel, Origin, Proposal, Spend
from evo.evaluation import Evaluation, Status

ATTEMPTS = 2
"""Times that a candidate is evaluated at most: a TIMEOUT may be the machine's fault, so it is tried again."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """A session began: one process's work on the run.

    Attributes:
        pid: the process.
        settings: digest of the resolved settings' text, which is among the journal's blobs.
    """

    pid: int
    settings: str


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag="asked"):
    """A proposal was made; its candidate is owed."""

    proposal: Proposal


class Evaluated(msgspec.Struct, frozen=True, kw_only=True, tag="told", omit_defaults=True):
    """A candidate was evaluated.

    Attributes:
        number: the candidate.
        attempt: 1, or 2 after a TIMEOUT.
        summary: the candidate's one line.
        kernel: digest of its source, which is among the journal's blobs; None if it is malformed.
        evaluation: as the evaluator said it; repeats are found by the fold.
        syntax, redraws: the candidate's; journals of before hold neither.
        spend: what was paid for the candidate, however often it is evaluated.
        request, origin: the candidate's.
        making_seconds: time that its operator took, however often it is evaluated.
    """

    number: int
    attempt: int
    summary: str
    kernel: str | None
    evaluation: Evaluation
    syntax: str | None = None
    redraws: int = 0
    spend: Spend = FREE
    request: str | None = None
    origin: Origin | None = None
    making_seconds: float = 0.0

    def candidate(self, proposal: Proposal, kernel: Kernel | None) -> Candidate:
        """Return the candidate that was told, made for this proposal, with its kernel if it has one."""
        return Candidate(
            proposal=proposal, kernel=kernel, summary=self.summary, syntax=self.syntax, redraws=self.redraws,
            spend=self.spend, request=self.request, origin=self.origin,
        )  # fmt: skip

    @property
    def final(self) -> bool:
        """Whether the engine is told of it, or the candidate is evaluated once more."""
        return self.evaluation.status is not Status.TIMEOUT or self.attempt >= ATTEMPTS


class Called(msgspec.Struct, frozen=True, kw_only=True, tag="called"):
    """A request of an operator was answered; nobody has made use of the reply before this is written.

    Attributes:
        number, attempt: of the proposal that it was for.
        request, reply: digests of both, which are among the journal's blobs.
        spend: what was paid for the reply, tries that failed included.
    """

    number: int
    attempt: int
    request: str
    reply: str
    spend: Spend


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="stopped"):
    """The search stopped, and why; a larger budget lets it go on."""

    reason: str


class SecondOpinion(msgspec.Struct, frozen=True, kw_only=True, tag="opinion"):
    """The best kernel was run once more, in another way, and held against its evaluation.

    It is beside the search, which does not see it.

    Attributes:
        number: the candidate.
        against: what speaks against its evaluation, a line each; none if nothing does.
        latencies: milliseconds of a call by workload, by the word of the process that ran it.
    """

    number: int
    against: tuple[str, ...]
    latencies: dict[str, float] = {}


Record = Opened | Asked | Called | Evaluated | Ended | SecondOpinion


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A record in its place.

    Attributes:
        seq: counts up from 1.
        at: seconds since the epoch, never running backwards within a session.
        record: what happened.
    """

    seq: int
    at: float
    record: Record


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal whose candidate is owed.

    Attributes:
        proposal: what was asked.
        attempt: the attempt that is due.
        candidate: what was made, if it is known already.
    """

    proposal: Proposal
    attempt: int = 1
    candidate: Candidate | None = None
