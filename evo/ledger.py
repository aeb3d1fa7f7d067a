"""Ledger: what is settled in a search, and what follows from it alone."""

from __future__ import annotations

from collections import Counter

from evo import selection
from evo.budget import Standing
from evo.candidate import Candidate
from evo.evaluation import Evaluation
from evo.events import GenerationEnded, Settled
from evo.individuals import Individuals
from evo.islands import Islands
from evo.objective import Individual, assess
from evo.protocols import Portfolio
from evo.purse import Purse
from evo.repeats import Repeats
from evo.settings import SearchRules


class Ledger:
    """Settles candidates one by one, and ends generations when told to.

    Attributes:
        individuals: all settled individuals by number, in settling order.
        baseline: the seed kernel's evaluation; None until the seed is settled.
        elite: the best so far; None until the seed is settled.
        generation: the generation under way.
        since: the individuals settled in the generation under way.
        islands: the populations.
        population: all that are on any island when a generation has ended, best first.
        repeats: the kernels and plans settled so far.
        purse: what was spent on all that was asked, settled or not.
    """

    def __init__(self, rules: SearchRules, portfolio: Portfolio, purse: Purse | None = None) -> None:
        """Begin with nothing settled."""
        self.individuals = Individuals()
        self.baseline: Evaluation | None = None
        self.elite: Individual | None = None
        self.generation = 0
        self.since: list[Individual] = []
        self.islands = Islands(rules)
        self.population: tuple[Individual, ...] = ()
        self.repeats = Repeats()
        self.purse = purse or Purse({})
        self._portfolio = portfolio
        self._elite_generation = 0
        self._elite_settled = 0
        self._gpu_seconds = 0.0

    def settle(self, candidate: Candidate, evaluation: Evaluation) -> Settled:
        """Give a candidate its final place: repeat or not, fitness, credit, elite. Islands do not change."""
        self.baseline = self.baseline or evaluation
        self._gpu_seconds += evaluation.cost.gpu_seconds if candidate.proposal.generation else 0.0
        individual = assess(candidate, self.repeats.settle(candidate, evaluation), self.baseline)
        self.individuals.add(individual)
        parents = [self.individuals[number] for number in candidate.proposal.parents]
        self._portfolio.credit(individual, parents)
        self.since.append(individual)
        return Settled(individual=individual, elite=self._crown(individual))

    def end_generation(self) -> GenerationEnded:
        """End the generation under way with what was settled in it and is on the islands."""
        self.islands.end_generation(self.generation)
        self.population = self.islands.union
        ended = GenerationEnded(
            generation=self.generation,
            told=len(self.individuals),
            population=self.population,
            islands=tuple(tuple(each.number for each in members) for members in self.islands.members),
            statuses=dict(Counter(individual.evaluation.status for individual in self.since)),
        )
        self.since.clear()
        self.generation += 1
        return ended

    def standing(self) -> Standing:
        """Return how far the search has come."""
        stagnant = self.generation - 1 - self._elite_generation
        return Standing(
            told=len(self.individuals),
            generations=max(self.generation - 1, 0),
            spend=self.purse.spent,
            stagnant_evaluations=len(self.individuals) - self._elite_settled,
            stagnant_generations=max(stagnant, 0),
            speedup=None if self.elite is None else self.elite.speedup,
            gpu_seconds=self._gpu_seconds,
        )

    def _crown(self, individual: Individual) -> bool:
        """Make the individual the elite if it is better than the elite, and return whether it was."""
        rivals = [individual] if self.elite is None else [self.elite, individual]
        if selection.best(rivals) is not individual:
            return False
        self.elite, self._elite_generation = individual, self.generation
        self._elite_settled = len(self.individuals)
        return True
