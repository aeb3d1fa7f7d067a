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
        digests = list(_told(candidate))
        if evaluation.plan_digest is not None:
            digests.append(_key("plan", evaluation.plan_digest))
        known = [self._firsts[digest] for digest in digests if digest in self._firsts]
        first = min(known, default=candidate.number)
        for digest in digests:
            self._firsts.setdefault(digest, first)
        return evaluation if first == candidate.number else evaluation.as_duplicate_of(first)


def _told(candidate: Candidate) -> Iterator[bytes]:
    """Yield what a candidate is told by before anything is known of its plan."""
    if candidate.kernel is not None:
        yield _key("kernel", candidate.kernel.digest)
    if candidate.syntax is not None:
        yield _key("syntax", candidate.syntax)


def _key(kind: str, digest: str) -> bytes:
    """Return a short digest, since every candidate's stay in memory."""
    return hashlib.blake2b(f"{kind} {digest}".encode(), digest_size=16).digest()
