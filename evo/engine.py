"""Engine: the search as ask and tell. No I/O, no clock, no tasks of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from evo.admission import admit
from evo.budget import Budget
from evo.candidate import Candidate, Kernel, Proposal, Spend
from evo.courses import COURSES
from evo.errors import SeedError
from evo.evaluation import Evaluation, Source, Status
from evo.events import Event, Stopped, Told
from evo.imports import Import
from evo.individuals import Past
from evo.ledger import Ledger
from evo.objective import Individual
from evo.proposing import Proposer, SelectingProposer, founding_proposals
from evo.protocols import Operator, Portfolio, Spending
from evo.purse import Purse
from evo.settings import SearchSettings
from evo.task import Task


class Engine:
    """A search over generations, at the pace that its mode sets.

    Generation 0 is the task's seed kernel, and kernels imported from earlier runs if any are. Each later
    generation has `settings.offspring` proposals, the last as many as the budget leaves. Results may be told
    in any order. In generational mode, once all of a generation are there, they are settled in proposal order
    and the survivors chosen; what is asked depends only on the settings, the operators and the evaluations
    told, never on their order or on time. In steady mode each is settled as it is told, and what is asked
    depends on that order too.
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
        imports: Sequence[Import] = (),
    ) -> None:
        """Begin a search whose evaluations all come from `source` on `device`, with the imports, if any.

        Proposals are drawn by selection and portfolio unless another proposer is given.

        Raises:
            ValueError: an operator under a name that is not its own, or that of a founder.
        """
        self.task = task
        self.settings = settings
        self.operators = MappingProxyType(dict(operators))
        self.source = source
        self.device = device
        self.imports = tuple(imports)
        self._outside: str | None = None
        self._exhausted: str | None = None
        self._ledger = Ledger(settings, portfolio, Purse(_most(operators, settings.redraws)))
        proposer = proposer or SelectingProposer(task, settings, operators, portfolio)
        founders = founding_proposals(settings.seed, len(imports))
        self._course = COURSES[settings.mode](self._ledger, settings, proposer, founders)
        self._owed: dict[int, Proposal] = {}
        self._parents: dict[int, tuple[Individual, ...]] = {}
        self._settled: dict[int, int] = {}
        self._verdicts: dict[str, Evaluation] = {}
        self._past: Past | None = None

    @property
    def stopped(self) -> str | None:
        """Why the search has stopped; None while it goes on."""
        return self._outside or self._exhausted

    @property
    def generation(self) -> int:
        """The generation under way: 0 until the founders are settled."""
        return self._ledger.generation

    @property
    def asked(self) -> int:
        """Proposals asked so far, the seed included."""
        return self._course.asked

    @property
    def told(self) -> int:
        """Candidates told so far, the seed and those that wait for the barrier included."""
        return self._course.told

    @property
    def spend(self) -> Spend:
        """What was paid for the candidates told so far, and for replies to the proposals that are owed."""
        return self._ledger.purse.spent

    @property
    def reserved(self) -> Spend:
        """The most that the proposals asked and not yet told may cost, what was paid for them included."""
        return self._ledger.purse.reserved

    @property
    def pending(self) -> tuple[Proposal, ...]:
        """Proposals asked and not yet told, in order."""
        return tuple(self._owed.values())

    @property
    def individuals(self) -> Mapping[int, Individual]:
        """All settled individuals by number, in settling order: ascending in generational mode."""
        return self._ledger.individuals

    @property
    def population(self) -> tuple[Individual, ...]:
        """The survivors of the last generation on all islands, each once, best first."""
        return self._ledger.population

    @property
    def elite(self) -> Individual | None:
        """The best so far; None until the seed is settled."""
        return self._ledger.elite

    @property
    def baseline(self) -> Evaluation | None:
        """The seed kernel's evaluation, over which speed-ups are; None until the seed is settled."""
        return self._ledger.baseline

    def settled(self, proposal: Proposal) -> Mapping[int, Individual]:
        """Return the individuals that were settled when an owed proposal was asked, in settling order.

        They stay the same until it is told, in later sessions too, whatever is settled meanwhile.

        Raises:
            KeyError: a proposal that is not owed.
        """
        return self._ledger.individuals.first(self._settled[proposal.number])

    def charge(self, number: int, spend: Spend) -> None:
        """Take note of what was paid for a proposal that is owed; its candidate's own spend holds it too."""
        self._ledger.purse.charge(number, spend)

    def charged(self, number: int) -> Spend:
        """Return what was charged to a proposal that is owed."""
        return self._ledger.purse.charged(number)

    def lean_on(self, past: Past) -> None:
        """Keep in memory only what is in use; the past, which is told of all first, has the rest."""
        self._ledger.individuals.lean_on(past)
        self._past = past
        self._verdicts.clear()

    def known(self, candidate: Candidate) -> Evaluation | None:
        """Return what was told of the same kernel before, so that it need not run again; None if nothing was.

        Of a kernel that differs from a settled one in comments, layout or local names alone, what was told of
        that one. Such a candidate is settled as its repeat, whatever the verdict.
        """
        if candidate.kernel is None:
            return None
        told = self._verdict(candidate.kernel)
        return told or self._told(self._ledger.repeats.first_like(candidate))

    def known_plan(self, plan_digest: str) -> Evaluation | None:
        """Return what was told of the first settled candidate with this plan, if it can be shared.

        A candidate with that plan is settled as a repeat of it, whatever the verdict. Only settled ones
        count, so that in generational mode the answer stays the same all through a generation.
        A TIMEOUT is not shared, for it may be the machine's fault.
        """
        told = self._told(self._ledger.repeats.first_doing(plan_digest))
        return None if told is None or told.status is Status.TIMEOUT else told

    def repeats(self, candidate: Candidate) -> bool:
        """Return whether a settled candidate has the same kernel, comments, layout and local names aside.

        One behind the barrier is none.
        """
        return self._ledger.repeats.first_like(candidate) is not None

    def ask(self) -> Proposal | None:
        """Return the next proposal; None if the search has stopped or waits for tells, at its barrier say."""
        proposal = self._course.ask() if self.stopped is None else None
        if proposal is not None:
            self._owed[proposal.number] = proposal
            self._ledger.purse.reserve(proposal)
            self._parents[proposal.number] = tuple(map(self.individuals.__getitem__, proposal.parents))
            self._settled[proposal.number] = len(self.individuals)
        return proposal

    def tell(self, candidate: Candidate, evaluation: Evaluation) -> list[Event]:
        """Take a final evaluation, in any order, and return what came of it; a repeated tell is ignored.

        Raises:
            ValueError: a candidate never asked for, or an evaluation that no evaluator of this search makes.
            SeedError: the seed kernel did not pass.
        """
        if candidate.number in self._ledger.individuals or self._course.waits(candidate.number):
            return []
        if candidate.proposal != self._owed.get(candidate.number):
            raise ValueError(f"a tell answers a proposal that was asked, got {candidate.proposal}")
        admit(candidate, evaluation, self.task, self.source, self.device)
        if candidate.number == 0 and not evaluation.passed:
            raise SeedError.of(self.task.name, evaluation.status, evaluation.feedback)
        del self._owed[candidate.number]
        self._ledger.purse.pay(candidate)
        self._course.take(candidate, evaluation)
        if candidate.kernel is not None and self._past is None:
            self._verdicts.setdefault(candidate.kernel.digest, evaluation)
        told = Told(number=candidate.number, status=evaluation.status, told=self.told)
        events = [told, *self._advance()]
        del self._parents[candidate.number], self._settled[candidate.number]
        return events

    def stop(self, reason: str) -> list[Event]:
        """Stop for a reason from outside; tells are still taken. A search that has stopped stays as it is."""
        if self.stopped is not None:
            return []
        self._outside = reason
        return [*self._course.close(), Stopped(reason=reason)]

    def limit(self, budget: Budget) -> list[Event]:
        """Replace the budget, go on if only the former one had stopped the search, return what came of it.

        A generation of which more was asked than the new budget holds is ended with what was asked.

        Raises:
            ValueError: a budget has cut the last generation short; only the journal can go on from there.
        """
        if self._course.cut:
            raise ValueError(f"generation {self.generation - 1} was cut short, fold the journal to go on")
        self._course.budget = budget
        self._exhausted = None
        return self._advance()

    def _told(self, number: int | None) -> Evaluation | None:
        """Return what was told of a settled candidate, before it was found to be a repeat or not."""
        kernel = None if number is None else self._ledger.individuals[number].candidate.kernel
        return None if kernel is None else self._verdict(kernel)

    def _verdict(self, kernel: Kernel) -> Evaluation | None:
        """Return what was told of the same kernel, if anything."""
        return self._verdicts.get(kernel.digest) if self._past is None else self._past.verdict(kernel)

    def _advance(self) -> list[Event]:
        """Settle what can be settled, then see whether the search may go on."""
        before = self.stopped
        events = list(self._course.settle())
        self._exhausted = self._course.rest()
        if before is None and self.stopped is not None:
            events += [*self._course.close(), Stopped(reason=self.stopped)]
        return events


def _most(operators: Mapping[str, Operator], redraws: int) -> dict[str, Spend]:
    """Return the most that a proposal may cost, by operator, for those that are paid for."""
    paid = {name: operator for name, operator in operators.items() if isinstance(operator, Spending)}
    return {name: operator.most * (1 + redraws) for name, operator in paid.items()}
