"""Engine: the search as ask and tell. No I/O, no clock, no tasks of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from evo.admission import admit
from evo.budget import Budget, spent
from evo.candidate import Candidate, Kernel, Proposal
from evo.errors import SeedError
from evo.evaluation import Evaluation, Source
from evo.events import Event, Stopped, Told
from evo.ledger import Ledger
from evo.objective import Individual
from evo.proposing import Proposer, SelectingProposer, seed_proposal
from evo.protocols import Operator, Portfolio
from evo.settings import SearchSettings
from evo.task import Task

NO_OPERATOR = "no operator applies to the population"


class Engine:
    """A generational (mu + lambda) search.

    Generation 0 is the task's seed kernel alone. Each later generation has `settings.offspring` proposals,
    the last as many as the budget leaves. Results may be told in any order; once all of a generation are
    there, they are settled in proposal order and the survivors chosen. What is asked depends only on the
    settings, the operators and the evaluations told, never on their order or on time.
    """

    def __init__(
        self,
        task: Task,
        settings: SearchSettings,
        operators: Mapping[str, Operator],
        portfolio: Portfolio,
        source: Source,
        device: str,
        proposer: Proposer | None = None,
    ) -> None:
        """Begin a search whose evaluations all come from `source` on `device`.

        Proposals are drawn by selection and portfolio unless another proposer is given.

        Raises:
            ValueError: an operator under a name that is not its own, or called `seed`.
        """
        self.task = task
        self.settings = settings
        self.operators = MappingProxyType(dict(operators))
        self.source = source
        self.device = device
        self._proposer = proposer or SelectingProposer(task, settings, operators, portfolio)
        self._budget = settings.budget
        self._outside: str | None = None
        self._exhausted: str | None = None
        self._ledger = Ledger(settings, portfolio)
        self._verdicts: dict[str, Evaluation] = {}
        self._asked = 0
        self._cut = False
        self._drawn: tuple[Proposal, ...] | None = (seed_proposal(settings.seed),)
        self._waiting: dict[int, tuple[Candidate, Evaluation]] = {}

    @property
    def stopped(self) -> str | None:
        """Why the search has stopped; None while it goes on."""
        return self._outside or self._exhausted

    @property
    def generation(self) -> int:
        """The generation under way: 0 until the seed is settled."""
        return self._ledger.generation

    @property
    def asked(self) -> int:
        """Proposals asked so far, the seed included."""
        return self._asked

    @property
    def told(self) -> int:
        """Candidates told so far, the seed and those that wait for the barrier included."""
        return len(self._ledger.individuals) + len(self._waiting)

    @property
    def pending(self) -> tuple[Proposal, ...]:
        """Proposals asked and not yet told, in order."""
        drawn = (self._drawn or ())[: self._asked - len(self._ledger.individuals)]
        return tuple(proposal for proposal in drawn if proposal.number not in self._waiting)

    @property
    def individuals(self) -> Mapping[int, Individual]:
        """All settled individuals by number, numbers ascending."""
        return MappingProxyType(self._ledger.individuals)

    @property
    def population(self) -> tuple[Individual, ...]:
        """The survivors of the last barrier on all islands, each once, best first."""
        return self._ledger.population

    @property
    def elite(self) -> Individual | None:
        """The best so far; None until the seed is settled."""
        return self._ledger.elite

    @property
    def baseline(self) -> Evaluation | None:
        """The seed kernel's evaluation, over which speed-ups are; None until the seed is settled."""
        return self._ledger.baseline

    def known(self, kernel: Kernel) -> Evaluation | None:
        """Return what was told of the same kernel before, if anything, so that it need not run again."""
        return self._verdicts.get(kernel.digest)

    def repeats(self, kernel: Kernel) -> bool:
        """Return whether a settled candidate has the same kernel; one behind the barrier is none."""
        return kernel in self._ledger.repeats

    def ask(self) -> Proposal | None:
        """Return the next proposal; None if the search has stopped or waits for tells at its barrier."""
        place = self._asked - len(self._ledger.individuals)
        if self.stopped is not None or self._drawn is None or place >= self._size():
            return None
        self._asked += 1
        return self._drawn[place]

    def tell(self, candidate: Candidate, evaluation: Evaluation) -> list[Event]:
        """Take a final evaluation, in any order, and return what came of it; a repeated tell is ignored.

        Raises:
            ValueError: a candidate never asked for, or an evaluation that no evaluator of this search makes.
            SeedError: the seed kernel did not pass.
        """
        if candidate.number in self._ledger.individuals or candidate.number in self._waiting:
            return []
        if candidate.proposal not in self.pending:
            raise ValueError(f"a tell answers a proposal that was asked, got {candidate.proposal}")
        admit(candidate, evaluation, self.task, self.source, self.device)
        if candidate.number == 0 and not evaluation.passed:
            raise SeedError(
                f"the seed kernel of task {self.task.name!r} must pass, "
                f"got {evaluation.status}: {evaluation.feedback}"
            )
        self._waiting[candidate.number] = (candidate, evaluation)
        if candidate.kernel is not None:
            self._verdicts.setdefault(candidate.kernel.digest, evaluation)
        told = Told(number=candidate.number, status=evaluation.status, told=self.told)
        return [told, *self._advance()]

    def stop(self, reason: str) -> list[Event]:
        """Stop for a reason from outside; tells are still taken. A search that has stopped stays as it is."""
        if self.stopped is not None:
            return []
        self._outside = reason
        return [Stopped(reason=reason)]

    def limit(self, budget: Budget) -> list[Event]:
        """Replace the budget, go on if only the former one had stopped the search, return what came of it.

        A generation of which more was asked than the new budget holds is ended with what was asked.

        Raises:
            ValueError: a budget has cut the last generation short; only the journal can go on from there.
        """
        if self._cut:
            raise ValueError(f"generation {self.generation - 1} was cut short, fold the journal to go on")
        self._budget = budget
        self._exhausted = None
        return self._advance()

    def _size(self) -> int:
        """Return how many proposals the generation under way has."""
        drawn, settled = len(self._drawn or ()), len(self._ledger.individuals)
        limit = self._budget.evaluations
        return drawn if limit is None else max(self._asked - settled, min(drawn, limit - settled))

    def _advance(self) -> list[Event]:
        """Settle the generation if all of it is there, then see whether the search may go on."""
        events: list[Event] = []
        before = self.stopped
        if self._waiting and len(self._waiting) == self._size():
            events = self._settle()
        if self._asked == len(self._ledger.individuals):
            self._exhausted = self._reason()
        if before is None and self.stopped is not None:
            events.append(Stopped(reason=self.stopped))
        return events

    def _settle(self) -> list[Event]:
        """Fold the generation in proposal order: repeats, fitness, credit, elite, survivors."""
        settled = [self._ledger.settle(*self._waiting[number]) for number in sorted(self._waiting)]
        self._ledger.islands.absorb([each.individual for each in settled])
        self._waiting.clear()
        self._cut = len(settled) < len(self._drawn or ())
        self._drawn = ()
        return [*settled, self._ledger.end_generation()]

    def _reason(self) -> str | None:
        """Return why the search ends at this barrier, or draw the next generation and return None."""
        reason = spent(self._budget, self._ledger.standing())
        if reason is None and not self._drawn:
            first = len(self._ledger.individuals)
            numbers = range(first, first + self.settings.offspring)
            self._drawn = self._proposer.draw(numbers, self.generation, self._ledger.islands.members)
        return NO_OPERATOR if reason is None and self._drawn is None else reason
