"""Combine: two kernels that passed, made one."""

from __future__ import annotations

from collections.abc import Sequence

from evo.objective import Individual
from evo.syntax import syntax_digest
from evo.task import Task
from operators.llm.operator import Brief, ModelOperator, Occasion, is_askable, source_of
from operators.llm.telling import contests, told


class Combine(ModelOperator):
    """The operator `combine`: one kernel with what makes each of two parents fast, workload by workload."""

    kind = "combine"
    arity = 2

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether there are two different kernels that passed and fit a prompt."""
        if len(parents) != 2 or not all(each.evaluation.passed and is_askable(each) for each in parents):
            return False
        first, second = map(source_of, parents)
        return syntax_digest(first) != syntax_digest(second)

    def brief(self, occasion: Occasion) -> Brief:
        """Return what a model is asked about the two; the faster one is what blocks are applied to."""
        first, second = sorted(occasion.parents, key=lambda each: (-each.fitness.values[1], each.number))
        task, seed = occasion.task, self.individuals[0]
        one, other = told(first, task, seed), told(second, task, seed)
        facts = {
            "first": one, "second": other, "contests": contests(one, other),
            **self.tried(occasion, occasion.parents),
            "base": first.number,
        }  # fmt: skip
        return Brief(
            template="combine", facts=facts, subject=first, base=source_of(first), shown=(first, second),
            label=self.kind, fallback=f"of {first.number} and {second.number}",
        )  # fmt: skip
