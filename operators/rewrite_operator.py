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
from operators.syntax.parsing import parsed

SECOND_STEP = 0.25  # how often a second variant is drawn on top of the first


class RewriteOperator:
    """Draws one variant of a family, at times a second one on top, from the proposal's key."""

    arity = 1

    def __init__(self, rewrite: Rewrite, second_step: float = SECOND_STEP) -> None:
        """Take the family, and the probability of a second step."""
        self._rewrite = rewrite
        self._second_step = second_step
        self._variants = Remembered(self._found)

    @property
    def name(self) -> str:
        """The family's name."""
        return self._rewrite.name

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parent has a kernel that parses and the family has a variant of it."""
        kernel = parents[0].candidate.kernel if len(parents) == self.arity else None
        return kernel is not None and bool(self._variants(kernel))

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return a variant of the parent, never the parent itself."""
        kernel = parents[0].candidate.kernel if len(parents) == self.arity else None
        if kernel is None:
            return Malformed(f"{self.name} needs one parent with a kernel, got {len(parents)} parents")
        rng = random.Random(proposal.key)
        first = self._draw(rng, kernel, without=(kernel,))
        if first is None:
            return Malformed(f"{self.name} has no variant of kernel {kernel.digest}")
        second = None
        if rng.random() < self._second_step:
            second = self._draw(rng, first.kernel, without=(kernel, first.kernel))
        if second is None:
            return Draft(first.kernel, f"{self.name}: {first.summary}")
        return Draft(second.kernel, f"{self.name}: {first.summary}, {second.summary}")

    def _draw(self, rng: random.Random, kernel: Kernel, without: Sequence[Kernel]) -> Draft | None:
        """Return the first variant of a random order that is none of the kernels given, if there is one."""
        variants = self._variants(kernel)
        for variant in rng.sample(variants, len(variants)):
            made = Kernel(variant.source())
            if made not in without:
                return Draft(made, variant.summary)
        return None

    def _found(self, kernel: Kernel) -> Sequence[Variant]:
        """Return no variant of what does not parse."""
        module = parsed(kernel)
        return () if module is None else self._rewrite.variants(module)
