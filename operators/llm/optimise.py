"""Optimise: a kernel that passed, made faster."""

from __future__ import annotations

from collections.abc import Sequence

from evo.objective import Individual
from evo.task import Task
from operators.llm.lines import past_of
from operators.llm.operator import PAST, STEPS, Brief, ModelOperator, Occasion, is_askable, source_of
from operators.llm.telling import told


class Optimise(ModelOperator):
    """The operator `optimise`: the parent rewritten for speed, from what is known of it and its line."""

    kind = "optimise"
    arity = 1

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parent passed and fits a prompt."""
        return len(parents) == 1 and parents[0].evaluation.passed and is_askable(parents[0])

    def brief(self, occasion: Occasion) -> Brief:
        """Return what a model is asked about the parent, with past kernels of its line, slowest first."""
        [parent], task = occasion.parents, occasion.task
        past = past_of(parent, self.individuals, STEPS, PAST) if self.desk.settings.history else ()
        seed = self.individuals[0]
        facts = {
            "kernel": told(parent, task, seed), "past": tuple(told(each, task, seed) for each in past),
            **self.tried(occasion, occasion.parents), **self.drawn(occasion, occasion.parents),
            "base": parent.number,
        }  # fmt: skip
        return Brief(
            template="optimise", facts=facts, subject=parent, base=source_of(parent), shown=(*past, parent),
            label=self.kind, fallback=f"a rewrite of {parent.number}",
        )  # fmt: skip
