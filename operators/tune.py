"""Tuning: the tunables of a kernel set by what settings of the same structure did before."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from evo.candidate import Kernel, Proposal
from evo.evaluation import Status
from evo.objective import Individual
from evo.protocols import Draft, Malformed
from evo.task import Task
from operators.nearby import nearby
from operators.rewrites.family import Backend
from operators.rewrites.tunables import Tunable
from operators.tuning import Trials, Tuned

BROKEN = -1_000.0  # far below any log2 speed-up; what got further through the cascade is worth a little more


class Tune:
    """The operator `tune`: tiles and launch options set together, near the best setting known.

    A study is of one structure: the kernel with its tunables taken out. It is built afresh for each proposal
    from the settled individuals of that structure, whoever made them, and draws from the proposal's key
    (`operators/nearby.py`). So the state is a fold of `observe` alone, and nothing depends on what is under
    way.

    It has a name of its own in proposals, lineage and the portfolio, and its gain is credited under that
    name: luck with settings is kept apart from ideas.
    """

    name = "tune"
    arity = 1

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what options there are."""
        self._trials = Trials(backend)

    def observe(self, individual: Individual) -> None:
        """Take note of a settled individual; called in settling order, and by a resumed search again."""
        kernel = individual.candidate.kernel
        if kernel is not None:
            self._trials.note(kernel, worth(individual))

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parent has a kernel with something to set."""
        return self._tuned(parents) is not None

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return the parent with settings that none of its structure had."""
        parent, tuned = parents[0].candidate.kernel if parents else None, self._tuned(parents)
        if parent is None or tuned is None:
            return Malformed(
                f"{self.name} needs one parent with something to set, got {len(parents)} parents"
            )
        trials = self._trials.of(parent)
        tried = [tuned.values, *(trial.values for trial in trials)]
        choices = {tunable.key: tunable.choices for tunable in tuned.tunables}
        turn = proposal.turn
        for values in nearby(choices, tuned.values, trials, random.Random(proposal.order)):
            child = Kernel(tuned.source(values))
            if values in tried or child == parent:
                continue
            tried.append(values)
            turn -= 1
            if turn < 0:
                return Draft(
                    child, f"{self.name}: {_said(tuned.tunables, values)}, after {len(trials)} trials"
                )
        return Malformed(f"{self.name} found no setting of kernel {parent.digest[:12]} that was not tried")

    def _tuned(self, parents: Sequence[Individual]) -> Tuned | None:
        kernel = parents[0].candidate.kernel if len(parents) == self.arity else None
        return None if kernel is None else self._trials.read(kernel)


def worth(individual: Individual) -> float | None:
    """Return what a setting is worth: its log2 speed-up if it passed; None where nothing new was learnt."""
    if individual.evaluation.status is Status.DUPLICATE:
        return None
    reached, speedup = individual.fitness.values
    return float(speedup if individual.evaluation.passed else BROKEN + reached)


def _said(found: Sequence[Tunable], values: Mapping[str, int]) -> str:
    moved = [t for t in found if values[t.key] != t.value]
    return ", ".join(f"{tunable.key} {tunable.value} -> {values[tunable.key]}" for tunable in moved)
