"""The seams of the search: whoever fits these protocols can propose, choose, evaluate or track."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from evo.candidate import FREE, Kernel, Proposal, Spend
from evo.evaluation import Evaluation, Source
from evo.events import Event
from evo.objective import Individual
from evo.task import Task


class Draft(msgspec.Struct, frozen=True):
    """An operator's answer: a kernel, one line that says what was done, and what was paid for it.

    Of an answer that a model's reply was made into, `request` is the digest of the request.
    """

    kernel: Kernel
    summary: str
    spend: Spend = FREE
    request: str | None = None


class Malformed(msgspec.Struct, frozen=True):
    """An operator's answer that holds no kernel, and why; it may have been paid for all the same."""

    reason: str
    spend: Spend = FREE
    request: str | None = None


class Operator(Protocol):
    """Makes a kernel from parents."""

    @property
    def name(self) -> str:
        """Unique among the operators of a run; proposals and lineage bear it."""

    @property
    def arity(self) -> int:
        """How many parents it takes, all different; 0 for an operator that starts from the task alone."""

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:
        """Return whether `propose` can make something of these parents. Pure and quick: no I/O."""

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        """Return a kernel made from the parents; the same proposal and parents give the same kernel.

        Raises:
            Unanswered: it waits for a reply that does not come in this session; the proposal stays owed.
        """


class Chronicle(Protocol):
    """What a run knows beyond an operator's parents: those that were settled, and replies paid for."""

    @property
    def individuals(self) -> Mapping[int, Individual]:
        """All settled individuals by number."""

    def settled(self, proposal: Proposal) -> Mapping[int, Individual]:
        """Return the individuals that were settled when an owed proposal was asked, in settling order.

        They stay the same until it is told, whatever is settled meanwhile and in later sessions too. So a
        request that builds on no others is the same whenever it is made, and its reply is found again.
        """

    def reply(self, proposal: Proposal, request: bytes) -> bytes | None:
        """Return what was kept for the request of a proposal, by its number and attempt; None if nothing."""

    def keep(self, proposal: Proposal, request: bytes, reply: bytes, spend: Spend) -> None:
        """Keep a reply; on return it survives the end of this process.

        Raises:
            JournalError: it cannot be written, or one was kept before.
        """


@runtime_checkable
class Consulting(Protocol):
    """An operator that builds on the run's chronicle; it is told of it before it is first asked."""

    def consult(self, chronicle: Chronicle) -> None:
        """Take the chronicle of the run."""


@runtime_checkable
class Spending(Protocol):
    """An operator whose answers are paid for. While it is at work, `most` is held back from the budget."""

    @property
    def most(self) -> Spend:
        """The most that one answer may cost, all calls that it takes included."""


@runtime_checkable
class Closing(Protocol):
    """Whoever holds something open, such as connections, while it is asked: an operator, a provider."""

    async def aclose(self) -> None:
        """Close it, whether it was opened or closed before or not; asked again, it opens it anew."""


class Portfolio(Protocol):
    """Chooses which operator to ask, and learns from what came of it."""

    def choose(self, rng: random.Random, names: Sequence[str]) -> str:
        """Return one of the names (at least one is given), drawing only from `rng` and changing nothing."""

    def credit(self, individual: Individual, parents: Sequence[Individual]) -> None:
        """Take note of a settled individual and of its parents, as they were settled; the seed has none.

        Called in settling order, which is proposal order at barriers in generational mode. What a portfolio
        has learnt must come from these calls alone: they are all that a resumed search repeats.
        """


class Evaluator(Protocol):
    """Says whether a kernel is correct and how fast it is. A pure function of kernel and task in one run.

    It never says DUPLICATE or MALFORMED: only the search sees those. After a TIMEOUT it is asked once more.
    """

    @property
    def source(self) -> Source:
        """Whether its verdicts are measured or modelled."""

    @property
    def device(self) -> str:
        """The device that it measures on or models."""

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict; raise `RunFailure` for infrastructure faults only."""


KnownPlan = Callable[[str], Evaluation | None]
"""What is known of kernels with a plan digest, if anything is."""


@runtime_checkable
class SparingEvaluator(Evaluator, Protocol):
    """An evaluator that knows what a kernel does before it knows whether that is right and how fast it is."""

    async def evaluate_unless(self, kernel: Kernel, task: Task, known: KnownPlan) -> Evaluation:
        """Return the verdict as `evaluate`, or what is known of the kernel's plan, at the cost of finding it.

        Pure in kernel, task and what is known of the plan.
        """


class Tracker(Protocol):
    """Watches the search; must neither slow it nor stop it."""

    def record(self, event: Event) -> None:
        """Take note of an event. Returns at once and never raises for an outage of its own.

        Of what a killed process had journalled but not handed on, a tracker hears from the fold only.
        """

    def close(self) -> None:
        """Flush what is still to be written, within a bounded time."""
