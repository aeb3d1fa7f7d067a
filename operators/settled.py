"""Which kernels were settled in a search, told apart as the search itself tells them apart."""

from __future__ import annotations

from evo.candidate import Kernel
from evo.objective import Individual
from evo.syntax import syntax_digest
from operators.remembered import Remembered

REMEMBERED = 1_024  # kernels whose syntax is not worked out again


class Settled:
    """The normalised syntax of all settled kernels; a fold of the individuals noted."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()
        self._syntax = Remembered(syntax_digest, REMEMBERED)

    def note(self, individual: Individual) -> None:
        """Take note of a settled individual; again changes nothing."""
        if individual.candidate.syntax is not None:
            self._digests.add(bytes.fromhex(individual.candidate.syntax))

    def __contains__(self, kernel: Kernel) -> bool:
        """Return whether a kernel was settled, comments, layout and local names aside."""
        return bool(self._digests) and bytes.fromhex(self._syntax(kernel.source)) in self._digests
