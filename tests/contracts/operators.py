"""What every operator keeps to. Subclass `OperatorContract` and give its three fixtures."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

from evo.candidate import Kernel, Proposal
from evo.objective import Individual
from evo.proposing import SEED_OPERATOR
from evo.protocols import Draft, Malformed, Operator
from evo.task import Task

KEYS = (0, 1, 2**63, 2**64 - 1)


class OperatorContract:
    """Fixtures to give: `operator`, `task`, and `parents`, individuals that the operator applies to.

    A stochastic service behind the operator (a language model, say) must be given replies by key.
    """

    @pytest.fixture
    def proposals(self, operator: Operator, parents: Sequence[Individual]) -> list[Proposal]:
        numbers = tuple(parent.number for parent in parents)
        return [
            Proposal(number=90 + place, operator=operator.name, parents=numbers, generation=3, key=key)
            for place, key in enumerate(KEYS)
        ]

    def test_it_has_a_name_of_its_own(self, operator: Operator) -> None:
        assert operator.name == operator.name.strip() != ""
        assert operator.name != SEED_OPERATOR

    def test_the_parents_are_as_many_as_it_takes(
        self, operator: Operator, parents: Sequence[Individual]
    ) -> None:
        assert operator.arity == len(parents) >= 0

    def test_whether_it_applies_is_a_pure_question(
        self, operator: Operator, parents: Sequence[Individual], task: Task
    ) -> None:
        state = random.getstate()
        assert [operator.applies(parents, task) for _ in range(3)] == [True] * 3
        assert random.getstate() == state

    def test_the_same_proposal_gives_the_same_answer(
        self, operator: Operator, proposals: list[Proposal], parents: Sequence[Individual], task: Task
    ) -> None:
        async def twice(proposal: Proposal) -> list[Draft | Malformed]:
            return [await operator.propose(proposal, parents, task) for _ in range(2)]

        for proposal in proposals:
            first, second = asyncio.run(twice(proposal))
            assert first == second

    def test_side_by_side_gives_what_one_after_the_other_gives(
        self, operator: Operator, proposals: list[Proposal], parents: Sequence[Individual], task: Task
    ) -> None:
        async def one_by_one() -> list[Draft | Malformed]:
            return [await operator.propose(proposal, parents, task) for proposal in proposals]

        async def at_once() -> list[Draft | Malformed]:
            backwards = [operator.propose(proposal, parents, task) for proposal in reversed(proposals)]
            return list(reversed(await asyncio.gather(*backwards)))

        assert asyncio.run(at_once()) == asyncio.run(one_by_one())

    def test_randomness_comes_from_the_key_alone(
        self, operator: Operator, proposals: list[Proposal], parents: Sequence[Individual], task: Task
    ) -> None:
        state = random.getstate()
        before = asyncio.run(operator.propose(proposals[0], parents, task))
        assert random.getstate() == state
        random.seed(99)
        assert asyncio.run(operator.propose(proposals[0], parents, task)) == before
        random.setstate(state)

    def test_answers_say_what_was_done_or_why_not(
        self, operator: Operator, proposals: list[Proposal], parents: Sequence[Individual], task: Task
    ) -> None:
        for proposal in proposals:
            answer = asyncio.run(operator.propose(proposal, parents, task))
            assert isinstance(answer, Draft | Malformed)
            text = answer.summary if isinstance(answer, Draft) else answer.reason
            assert text.strip()
            assert len(text.splitlines()) == 1
            if isinstance(answer, Draft):
                assert isinstance(answer.kernel, Kernel)
                assert answer.kernel.digest

    def test_parents_stay_as_they_are(
        self, operator: Operator, proposals: list[Proposal], parents: Sequence[Individual], task: Task
    ) -> None:
        before = [(parent.candidate, parent.evaluation, parent.fitness.values) for parent in parents]
        asyncio.run(operator.propose(proposals[0], parents, task))
        assert before == [(parent.candidate, parent.evaluation, parent.fitness.values) for parent in parents]
