"""Islands: populations that evolve side by side, exchange migrants along a ring and restart when stuck."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deap import tools

from evo.archive import archive
from evo.effort import Effort
from evo.objective import Individual
from evo.repairs import RepairQueue
from evo.selection import alike, distinct, fit, survivors
from evo.settings import MOST, PopulationKind, SearchRules, Selection

Members = tuple[Individual, ...]


class Islands:
    """The populations of all islands. Founders are on each; any other individual on its proposal's island.

    Attributes:
        members: who is on each island, best first.
        repairs: who is broken and waits on each island to be repaired.
        effort: what was tried with the members.
    """

    def __init__(self, rules: SearchRules) -> None:
        """Begin with empty islands."""
        self.members: tuple[Members, ...] = ((),) * rules.islands
        self.repairs = tuple(RepairQueue(rules.repairs) for _ in self.members)
        self.effort = Effort()
        self._rules = rules
        self._best: list[Individual | None] = [None] * rules.islands
        self._risen = [0] * rules.islands
        self._founders: Members = ()
        self._patience = [rules.patience] * rules.islands
        self._former: list[Members] = [()] * rules.islands

    @property
    def union(self) -> Members:
        """All that are on any island, each once, best first."""
        return tuple(fit(each for members in self.members for each in members))

    def absorb(self, settled: Sequence[Individual]) -> None:
        """Let the settled individuals compete with those on their islands for the places there."""
        arrived: list[list[Individual]] = [[] for _ in self.members]
        self._founders += tuple(each for each in settled if each.candidate.proposal.generation == 0)
        present = {each.number: each for members in self.members for each in members}
        for individual in settled:
            proposal = individual.candidate.proposal
            self.effort.settle(individual, present)
            self.repairs[proposal.island].settle(individual)
            for island in range(len(arrived)) if proposal.generation == 0 else (proposal.island,):
                arrived[island].append(individual)
        self.members = tuple(
            self._keep([*members[: self._rules.elites], *newcomers]) if newcomers else members
            for members, newcomers in zip(self.members, arrived, strict=True)
        )
        self._forget()

    def end_generation(self, generation: int) -> None:
        """Let individuals migrate if it is time, then restart the islands that are stuck."""
        if len(self.members) > 1 and generation and generation % self._rules.migration_every == 0:
            self._migrate()
        patience = self._rules.restart_after
        for island, members in enumerate(self.members):
            if self._rises(island, members):
                self._best[island], self._risen[island] = members[0], generation
            elif patience is not None and generation - self._risen[island] >= patience:
                self._restart(island, generation)
            elif patience is None and self._is_exhausted(island, generation):
                self._begin_again(island, generation)
        self._forget()

    def _forget(self) -> None:
        """Remember what was tried with the members alone."""
        self.effort.forget(each for members in self.members for each in members)

    def _migrate(self) -> None:
        """Send copies of each island's best to the next one, where they compete for a place."""
        count = min(self._rules.migrants, *map(len, self.members))
        shores = [[*members, *((None,) * count)] for members in self.members]
        tools.migRing(shores, count, _emigrants, _places)
        self.members = tuple(self._keep(filter(None, shore)) for shore in shores)

    def _rises(self, island: int, members: Members) -> bool:
        former = self._best[island]
        if not members or former is None:
            return bool(members)
        better = bool(members[0].fitness > former.fitness)
        return better and not (self._by_effort(island) and alike(members[0], former))

    def _by_effort(self, island: int) -> bool:
        return self._rules.selecting(island)[0] is Selection.EFFORT

    def _is_exhausted(self, island: int, generation: int) -> bool:
        return self._by_effort(island) and generation - self._risen[island] >= self._patience[island]

    def _begin_again(self, island: int, generation: int) -> None:
        """Leave the island to the founders, or to the best of all its beginnings, in turns."""
        self._former[island] += self.members[island][:1]
        beginnings = len(self._former[island])
        begun = self._keep(self._founders if beginnings % 2 else self._former[island])
        self._best[island], self._risen[island] = begun[0] if begun else None, generation
        self._patience[island] = min(2 * self._patience[island], MOST)
        self.members = (*self.members[:island], begun, *self.members[island + 1 :])

    def _restart(self, island: int, generation: int) -> None:
        """Put the best of each island in the place of all that are on this one."""
        self._best[island], self._risen[island] = self.members[island][0], generation
        founders = self._keep(members[0] for members in self.members)
        self.members = (*self.members[:island], founders, *self.members[island + 1 :])

    def _keep(self, individuals: Iterable[Individual]) -> Members:
        if self._rules.population_kind is PopulationKind.ARCHIVE:
            return archive(individuals)
        if self._rules.population_kind is PopulationKind.DISTINCT:
            return distinct(individuals, self._rules.population)
        return survivors(individuals, self._rules.population)


def _emigrants(shore: Sequence[Individual | None], count: int) -> list[Individual]:
    """Return the best of the island; they are copied, so they stay as well."""
    return [individual for individual in shore if individual is not None][:count]


def _places(_shore: Sequence[Individual | None], count: int) -> list[None]:
    """Return the places of those to come, which are empty: nobody leaves for them before they compete."""
    return [None] * count
