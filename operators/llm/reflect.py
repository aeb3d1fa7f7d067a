"""Reflect: a broken kernel repaired, or its line abandoned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from types import MappingProxyType

import msgspec

from evo.evaluation import Status
from evo.objective import Individual
from evo.selection import UNFIT
from evo.task import Task
from operators.llm.attempts import AFRESH, REFLECT
from operators.llm.lines import line_of
from operators.llm.operator import PAST, Brief, ModelOperator, Occasion, is_askable, source_of
from operators.llm.telling import told
from operators.llm.traps import fault_of

ABANDONED = 6
"""Repairs of an abandoned line that its fresh start is told of, the last ones."""
ADVICE: Mapping[Status, str] = MappingProxyType({
    Status.REJECTED: "It says or does what no kernel module may; the rules are above.",
    Status.UNSUPPORTED: "Its host code or what it launches cannot be taken down as a plan of launches.",
    Status.COMPILE_ERROR: "Triton does not compile it.",
    Status.OUT_OF_RESOURCES: "It compiles, and does not fit the target.",
    Status.CRASHED: "It was stopped by an error of its own.",
    Status.TIMEOUT: "It did not end in time.",
    Status.WRONG: "Its results differ from the reference's.",
})  # fmt: skip
"""What each way to end means, in one sentence."""


class Repair(msgspec.Struct, frozen=True):
    """One earlier step of a line, as the prompt tells it."""

    summary: str
    status: str
    same: bool


class Reflect(ModelOperator):
    """The operator `reflect`: a broken parent repaired from the feedback of the stage that it failed.

    Once as many repairs as the settings say left one fault as it was, the line is abandoned: the model makes
    a fresh start from another strategy and is told what not to do.
    """

    kind = REFLECT
    arity = 1

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parent is broken and fits a prompt."""
        if len(parents) != 1 or not is_askable(parents[0]):
            return False
        status = parents[0].evaluation.status
        return status is not Status.PASSED and status not in UNFIT

    def brief(self, occasion: Occasion) -> Brief:
        """Return what a model is asked about the broken parent."""
        [parent] = occasion.parents
        row = self.desk.traps.abandoned(parent, occasion.settled)
        return self._fresh_start(occasion, row) if row else self._repair(parent, occasion.task)

    def _repair(self, parent: Individual, task: Task) -> Brief:
        past = self._repairs_before(parent) if self.desk.settings.history else ()
        fault = fault_of(parent)
        steps = tuple(
            Repair(each.candidate.summary, str(each.evaluation.status), fault_of(each) == fault)
            for each in past
        )
        facts = {
            "kernel": told(parent, task, self.individuals[0]), "past": steps,
            "advice": ADVICE[parent.evaluation.status], "base": parent.number,
        }  # fmt: skip
        return Brief(
            template="reflect", facts=facts, subject=parent, base=source_of(parent), shown=(*past, parent),
            label=self.kind, fallback=f"a repair of {parent.number}",
        )  # fmt: skip

    def _fresh_start(self, occasion: Occasion, row: tuple[int, ...]) -> Brief:
        [parent] = occasion.parents
        line = tuple(self.individuals[number] for number in (row[0], *row[1:][-ABANDONED:]))
        facts = {
            "kernel": told(parent, occasion.task, self.individuals[0]), "count": len(row),
            "abandoned": tuple(each.candidate.summary for each in line),
            **self.tried(occasion, ()), **self.drawn(occasion, ()),
        }  # fmt: skip
        return Brief(
            template="fresh_start", facts=facts, subject=parent, base=None, shown=(*line, parent),
            label=AFRESH, fallback=f"another way than that of {parent.number}",
        )  # fmt: skip

    def _repairs_before(self, parent: Individual) -> tuple[Individual, ...]:
        """Return the last broken ones on the way to the parent, and the one that was whole, oldest first."""
        back: list[Individual] = []
        for each in islice(line_of(parent, self.individuals), PAST):
            back.append(each)
            if each.evaluation.passed:
                break
        return tuple(reversed(back))
