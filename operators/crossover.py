"""Crossover: a kernel with parts of another."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from evo.candidate import Kernel, Proposal
from evo.objective import Individual
from evo.protocols import Draft, Malformed
from evo.task import Task
from operators.crossings import Parts, crossings, parts_of
from operators.remembered import Remembered
from operators.rewrites.family import Backend, Variant
from operators.syntax.parsing import parsed

PAIRS = 1024  # pairs of which it is kept whether they cross


class Crossover:
    """The operator `crossover`: launch options, tiles or function bodies of one parent in the other.

    Each parent may be the one that takes. Parts match by name: a tile or a launch option by that of kernel
    and parameter, a function body by that of a function with the same parameters whose launches are alike.
    """

    name = "crossover"
    arity = 2

    def __init__(self, backend: Backend) -> None:
        """Take the backend that the kernels are compiled with, which decides what options there are."""
        self._backend = backend
        self._parts = Remembered(self._apart)
        self._cross = Remembered(self._has_child, PAIRS)

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return whether the parents have matching parts that make a kernel other than both."""
        pair = _kernels(parents)
        if pair is None or pair[0] == pair[1]:
            return False
        first, second = sorted(pair, key=lambda kernel: kernel.source)  # which is named first changes nothing
        return self._cross((first, second))

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return one parent with parts of the other, never a parent itself."""
        pair = _kernels(parents)
        if pair is None:
            return Malformed(f"{self.name} needs two parents with kernels, got {len(parents)} parents")
        found, made, turn = list(self._variants(pair)), {*pair}, proposal.turn
        for place, variant in random.Random(proposal.order).sample(found, len(found)):
            child = Kernel(variant.source())
            if child in made:
                continue
            made.add(child)
            turn -= 1
            if turn < 0:
                taker, giver = parents[place].number, parents[1 - place].number
                return Draft(child, f"{self.name}: {variant.summary} of {giver}, the rest of {taker}")
        return Malformed(f"{self.name} has nothing that one of {', '.join(map(_short, pair))} could take")

    def _has_child(self, pair: tuple[Kernel, Kernel]) -> bool:
        return any(Kernel(variant.source()) not in pair for _, variant in self._variants(pair))

    def _variants(self, pair: tuple[Kernel, Kernel]) -> Iterator[tuple[int, Variant]]:
        """Yield which of the two takes, and what it becomes."""
        first, second = map(self._parts, pair)
        if first is not None and second is not None:
            yield from ((0, variant) for variant in crossings(first, second))
            yield from ((1, variant) for variant in crossings(second, first))

    def _apart(self, kernel: Kernel) -> Parts | None:
        module = parsed(kernel)
        return None if module is None else parts_of(module, self._backend)


def _kernels(parents: Sequence[Individual]) -> tuple[Kernel, Kernel] | None:
    kernels = [parent.candidate.kernel for parent in parents]
    if len(kernels) != 2 or kernels[0] is None or kernels[1] is None:
        return None
    return kernels[0], kernels[1]


def _short(kernel: Kernel) -> str:
    return kernel.digest[:12]
