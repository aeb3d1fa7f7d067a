"""Repeats: which candidate was the first with a kernel, and with a plan."""

from __future__ import annotations

from evo.candidate import Candidate, Kernel
from evo.evaluation import Evaluation


class Repeats:
    """Remembers the first candidate with each kernel digest and each plan digest, in settling order."""

    def __init__(self) -> None:
        self._firsts: dict[str, int] = {}

    def __contains__(self, kernel: Kernel) -> bool:
        """Whether a candidate with the same kernel was settled."""
        return f"kernel {kernel.digest}" in self._firsts

    def settle(self, candidate: Candidate, evaluation: Evaluation) -> Evaluation:
        """Return the evaluation, as a duplicate of the first candidate with the same kernel or plan if any.

        Must be called in settling order. A repeat of a repeat refers to the first of all.
        """
        digests = []
        if candidate.kernel is not None:
            digests.append(f"kernel {candidate.kernel.digest}")
        if evaluation.plan_digest is not None:
            digests.append(f"plan {evaluation.plan_digest}")
        known = [self._firsts[digest] for digest in digests if digest in self._firsts]
        first = min(known, default=candidate.number)
        for digest in digests:
            self._firsts.setdefault(digest, first)
        return evaluation if first == candidate.number else evaluation.as_duplicate_of(first)
