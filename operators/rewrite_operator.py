"""A family of rewrites as an operator of the search."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Sequence

import libcst as cst

from evo.candidate import Kernel, Proposal
from evo.objective import Individual
from evo.protocols import Draft, Malformed
from evo.task import Task
from operators.rewrites.family import Rewrite, Variant
from operators.syntax.nodes import is_deeper

SECOND_STEP = 0.25  # how often a second variant is drawn on top of the first
REMEMBERED = 256  # kernels whose variants are kept
DEEPEST = 120  # nodes within nodes; what is nested deeper could exhaust the stack, and no one writes it


class RewriteOperator:
    """Draws one variant of a family, at times a second one on top, from the proposal's key."""

    arity = 1

    def __init__(self, rewrite: Rewrite, second_step: float = SECOND_STEP) -> None:
        """Take the family, and the probability of a second step."""
        self._rewrite = rewrite
        self._second_step = second_step
        self._variants: OrderedDict[str, Sequence[Variant]] = OrderedDict()

    @property
    def name(self) -> str:
        """The family's name."""
        return self._rewrite.name

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parent has a kernel that parses and the family has a variant of it."""
        kernel = parents[0].candidate.kernel if len(parents) == self.arity else None
        return kernel is not None and bool(self._of(kernel))

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
        variants = self._of(kernel)
        for variant in rng.sample(variants, len(variants)):
            made = Kernel(variant.source())
            if made not in without:
                return Draft(made, variant.summary)
        return None

    def _of(self, kernel: Kernel) -> Sequence[Variant]:
        """Return the variants of a kernel; those asked for lately are kept."""
        digest = kernel.digest
        if digest not in self._variants:
            self._variants[digest] = self._found(kernel)
            if len(self._variants) > REMEMBERED:
                self._variants.popitem(last=False)
        self._variants.move_to_end(digest)
        return self._variants[digest]

    def _found(self, kernel: Kernel) -> Sequence[Variant]:
        """Return no variant of what does not parse or is nested too deep."""
        try:
            module = cst.parse_module(kernel.source)
        except cst.ParserSyntaxError:
            return ()
        return () if is_deeper(module, DEEPEST) else self._rewrite.variants(module)
