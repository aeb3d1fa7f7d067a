"""Generate: a kernel from the task alone."""

from __future__ import annotations

from collections.abc import Sequence

from evo.objective import Individual
from evo.task import Task
from operators.llm.operator import Brief, ModelOperator, Occasion


class Generate(ModelOperator):
    """The operator `generate`: a kernel from the instruction, by a strategy that was not tried yet."""

    kind = "generate"
    arity = 0

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True if there are no parents: a task is always there."""
        return not parents

    def brief(self, occasion: Occasion) -> Brief:
        """Return what a model is asked for a first kernel."""
        return Brief(
            template="generate", facts={**self.tried(occasion, ()), **self.drawn(occasion, ())},
            subject=None, base=None, shown=(), label=self.kind, fallback="a kernel from the task alone",
        )  # fmt: skip
