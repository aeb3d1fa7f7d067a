"""Repeats: which candidate was the first with a kernel, with a syntax, and with a plan."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from evo.candidate import Candidate
from evo.evaluation import Evaluation


class Repeats:
    """Remembers the first candidate with each kernel, normalised syntax and plan, in settling order."""

    def __init__(self) -> None:
        self._firsts: dict[bytes, int] = {}

    def first_like(self, candidate: Candidate) -> int | None:
        """Return the first settled candidate with the same kernel or the same syntax, if there is one."""
        known = [self._firsts[told] for told in _told(candidate) if told in self._firsts]
        return min(known, default=None)

    def first_doing(self, plan_digest: str) -> int | None:
        """Return the first settled candidate with this plan, if there is one."""
        return self._firsts.get(_key("plan", plan_digest))

    def settle(self, candidate: Candidate, evaluation: Evaluation) -> Evaluation:
        """Return the evaluation, as a duplicate of the first candidate with the same kernel or plan if any.

        Must be called in settling order. A repeat of a repeat refers to the first of all.
        """
        kernel = None if candidate.kernel is None else candidate.kernel.digest
        return self.settle_told(candidate.number, kernel, candidate.syntax, evaluation)

    def settle_told(
        self, number: int, kernel: str | None, syntax: str | None, evaluation: Evaluation
    ) -> Evaluation:
        """Return the evaluation as `settle`, of a candidate that is known by its digests alone."""
        identities = (("kernel", kernel), ("syntax", syntax), ("plan", evaluation.plan_digest))
        digests = [_key(kind, digest) for kind, digest in identities if digest is not None]
        known = [self._firsts[digest] for digest in digests if digest in self._firsts]
        first = min(known, default=number)
        for digest in digests:
            self._firsts.setdefault(digest, first)
        return evaluation if first == number else evaluation.as_duplicate_of(first)


def _told(candidate: Candidate) -> Iterator[bytes]:
    """Yield what a candidate is told by before anything is known of its plan."""
    if candidate.kernel is not None:
        yield _key("kernel", candidate.kernel.digest)
    if candidate.syntax is not None:
        yield _key("syntax", candidate.syntax)


def _key(kind: str, digest: str) -> bytes:
    """Return a short digest, since every candidate's stay in memory."""
    return hashlib.blake2b(f"{kind} {digest}".encode(), digest_size=16).digest()
