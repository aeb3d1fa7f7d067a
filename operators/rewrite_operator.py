"""A family of rewrites as an operator of the search."""

from __future__ import annotations

import random
from collections.abc import Sequence

from evo.candidate import Kernel, Proposal
from evo.objective import Individual
from evo.protocols import Draft, Malformed
from evo.task import Task
from operators.remembered import Remembered
from operators.rewrites.family import Rewrite, Variant
from operators.settled import Settled
from operators.syntax.parsing import parsed

SECOND_STEP = 0.25  # how often a second variant is drawn on top of the first


class RewriteOperator:
    """Draws one variant of a family, at times a second one on top, from the proposal's key.

    It knows which kernels were settled, whoever made them, and makes none of them again. So it does not apply
    to a kernel of which it has no variant that is new.
    """

    arity = 1

    def __init__(
        self, rewrite: Rewrite, second_step: float = SECOND_STEP, settled: Settled | None = None
    ) -> None:
        """Take the family, the probability of a second step, and who keeps what is settled."""
        self._rewrite = rewrite
        self._second_step = second_step
        self._settled = settled or Settled()
        self._variants = Remembered(self._found)

    @property
    def name(self) -> str:
        """The family's name."""
        return self._rewrite.name

    def observe(self, individual: Individual) -> None:
        """Take note of a settled individual; called in settling order, and by a resumed search again."""
        self._settled.note(individual)

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parent has a kernel that parses and the family has a new variant of it."""
        kernel = parents[0].candidate.kernel if len(parents) == self.arity else None
        return kernel is not None and any(
            self._is_new(Kernel(variant.source()), kernel) for variant in self._variants(kernel)
        )

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return a variant of the parent, never the parent itself; a new one, if there is one."""
        kernel = parents[0].candidate.kernel if len(parents) == self.arity else None
        if kernel is None:
            return Malformed(f"{self.name} needs one parent with a kernel, got {len(parents)} parents")
        rng = random.Random(proposal.order)
        first = self._draw(rng, kernel, (kernel,), proposal.turn)
        if first is None:
            return Malformed(f"{self.name} has no variant of kernel {kernel.digest}")
        second = None
        if rng.random() < self._second_step:
            second = self._draw(rng, first.kernel, (kernel, first.kernel))
        if second is None:
            return Draft(first.kernel, f"{self.name}: {first.summary}")
        return Draft(second.kernel, f"{self.name}: {first.summary}, {second.summary}")

    def _draw(
        self, rng: random.Random, kernel: Kernel, without: Sequence[Kernel], turn: int = 0
    ) -> Draft | None:
        """Return a new variant by its turn in a random order, or else the last; None if there is none."""
        variants = self._variants(kernel)
        last, others = None, None
        for variant in rng.sample(variants, len(variants)):
            made = Kernel(variant.source())
            if self._is_new(made, *without):
                last = Draft(made, variant.summary)
                if turn == 0:
                    return last
                turn -= 1
            elif made not in without:
                others = Draft(made, variant.summary)
        return last or others

    def _is_new(self, made: Kernel, *without: Kernel) -> bool:
        return made not in without and made not in self._settled

    def _found(self, kernel: Kernel) -> Sequence[Variant]:
        """Return no variant of what does not parse."""
        module = parsed(kernel)
        return () if module is None else self._rewrite.variants(module)
