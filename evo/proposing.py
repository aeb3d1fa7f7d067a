"""Drawing proposals: parents, operator and key, from the run's seed, the number and the last barrier."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from evo.candidate import Proposal
from evo.effort import Effort, least_tried
from evo.islands import Islands
from evo.objective import Individual
from evo.protocols import Operator, Portfolio
from evo.selection import SELECTORS, tournament
from evo.settings import SearchSettings, Selection
from evo.task import Task

SEED_OPERATOR = "seed"
"""The operator's name of proposal 0, the task's seed kernel."""

IMPORT_OPERATOR = "imported"
"""The operator's name of proposals whose kernel an earlier run made."""

FOUNDING = frozenset({SEED_OPERATOR, IMPORT_OPERATOR})
"""The operators' names of generation 0; no operator that makes a kernel may bear them."""

DRAWS = 8
"""Times that parents are drawn before the population is gone through in order."""


def stream(seed: int, number: int) -> random.Random:
    """Return the random numbers of one proposal; they depend on the run's seed and the number alone."""
    return random.Random(int.from_bytes(hashlib.sha256(f"{seed}:{number}".encode()).digest()))


def founding_proposals(seed: int, imports: int) -> tuple[Proposal, ...]:
    """Return the proposals of generation 0: the task's seed kernel, then as many imports."""
    names = (SEED_OPERATOR, *(IMPORT_OPERATOR,) * imports)
    return tuple(
        Proposal(
            number=number, operator=name, parents=(), generation=0, key=stream(seed, number).getrandbits(64)
        )
        for number, name in enumerate(names)
    )


class Proposer(Protocol):
    """Draws the proposals of a generation."""

    def draw(
        self, numbers: Sequence[int], generation: int, islands: Islands, /
    ) -> tuple[Proposal, ...] | None:
        """Return a proposal for each number, in order; None if no operator applies to any island."""


class SelectingProposer:
    """Parents by selection, operators by the portfolio. It holds no state of its own; the portfolio may."""

    def __init__(
        self, task: Task, settings: SearchSettings, operators: Mapping[str, Operator], portfolio: Portfolio
    ) -> None:
        for name, operator in operators.items():
            if name != operator.name or name in FOUNDING:
                raise ValueError(
                    f"an operator goes by its own name, which is none of {sorted(FOUNDING)}: "
                    f"got {operator.name!r} under {name!r}"
                )
        self._task = task
        self._settings = settings
        self._operators = {name: operators[name] for name in sorted(operators)}
        self._portfolio = portfolio
        self._width = max((operator.arity for operator in operators.values()), default=0)

    def draw(
        self, numbers: Sequence[int], generation: int, islands: Islands, /
    ) -> tuple[Proposal, ...] | None:
        """Return a proposal for each number, in order; None if no operator applies to any island.

        The islands take turns, the first with number 1; where no operator applies, the next one steps in. An
        operator applies with the first of the drawn parents, as many as it takes: of those drawn from the
        population, or else of those from the repair queue. The portfolio chooses until one applies.

        Raises:
            ValueError: the portfolio chose an operator that it was not offered.
        """
        answers: dict[tuple[str, tuple[int, ...]], bool] = {}
        proposals: list[Proposal] = []
        effort = islands.effort.branch()
        for number in numbers:
            proposal = self._draw_one(number, generation, islands, effort, answers)
            if proposal is None:
                return None
            effort.note(proposal)
            proposals.append(self._in_turn(proposal, proposals))
        return tuple(proposals)

    def _in_turn(self, proposal: Proposal, before: Sequence[Proposal]) -> Proposal:
        """Return a proposal that knows of those like it before, so that their kernels differ."""
        alike = [each for each in before
                 if (each.operator, each.parents) == (proposal.operator, proposal.parents)]  # fmt: skip
        if not alike:
            return proposal
        return msgspec.structs.replace(proposal, first_key=alike[0].key, turn=len(alike))

    def _draw_one(
        self,
        number: int,
        generation: int,
        islands: Islands,
        effort: Effort,
        answers: dict[tuple[str, tuple[int, ...]], bool],
    ) -> Proposal | None:
        rng = stream(self._settings.seed, number)
        key = rng.getrandbits(64)
        count = len(islands.members)
        for island in (turn % count for turn in range(number - 1, number - 1 + count)):
            broken = islands.repairs[island].members
            for lineup in self._lineups(islands.members[island], island, effort, rng):
                lineups = [lineup]
                if broken:
                    lineups.append(tournament(broken, self._width, self._settings.tournament, rng))
                offer = self._offer(lineups, answers, rng)
                if offer is not None:
                    name, parents = offer
                    return Proposal(
                        number=number, operator=name, parents=parents, island=island, generation=generation,
                        key=key,
                    )  # fmt: skip
        return None

    def _offer(
        self,
        lineups: Sequence[Sequence[Individual]],
        answers: dict[tuple[str, tuple[int, ...]], bool],
        rng: random.Random,
    ) -> tuple[str, tuple[int, ...]] | None:
        """Return the operator that the portfolio chooses among those that apply, with its parents' numbers.

        It chooses among all that are left until one applies: by weights that comes to the same as asking all
        of them first, and what an operator finds in a kernel can take as long as the rest of the proposal.
        """
        names = list(self._operators)
        while names:
            name = self._chosen(names, rng)
            for lineup in lineups:
                if self._applies(name, lineup, answers):
                    return name, _numbers(lineup[: self._operators[name].arity])
            names.remove(name)
        return None

    def _chosen(self, names: Sequence[str], rng: random.Random) -> str:
        name = self._portfolio.choose(rng, names)
        if name not in names:
            raise ValueError(f"a portfolio chooses one of {names}, got {name!r}")
        return name

    def _lineups(
        self, population: Sequence[Individual], island: int, effort: Effort, rng: random.Random
    ) -> Iterator[Sequence[Individual]]:
        """Yield parents to try: drawn by selection at first, then each of the population, best first."""
        selection, size = self._settings.selecting(island)
        for _ in range(DRAWS):
            if selection is Selection.EFFORT:
                yield least_tried(population, self._width, effort, rng)
            else:
                yield SELECTORS[selection](population, self._width, size, rng)
        for first in range(len(population)):
            yield [*population[first:], *population[:first]][: self._width]

    def _applies(
        self, name: str, lineup: Sequence[Individual], answers: dict[tuple[str, tuple[int, ...]], bool]
    ) -> bool:
        """Return whether an operator can make something of the lineup's first ones."""
        operator = self._operators[name]
        parents = lineup[: operator.arity]
        if len(parents) < operator.arity:
            return False
        question = (name, _numbers(parents))
        if question not in answers:
            answers[question] = operator.applies(parents, self._task)
        return answers[question]


def _numbers(individuals: Sequence[Individual]) -> tuple[int, ...]:
    return tuple(individual.number for individual in individuals)
