"""Repeats: which candidate was the first with a kernel, with a syntax, and with a plan."""

from __future__ import annotations

import hashlib

from evo.candidate import Candidate
from evo.evaluation import Evaluation


class Firsts:
    """Remembers the first candidate with each kernel, normalised syntax and plan, in settling order."""

    def __init__(self) -> None:
        self._firsts: dict[bytes, int] = {}

    def known(self, kind: str, digest: str | None) -> int | None:
        """Return the first candidate with this digest of this kind, if there is one."""
        return None if digest is None else self._firsts.get(_key(kind, digest))

    def settle(self, number: int, *, kernel: str | None, syntax: str | None, plan: str | None) -> int:
        """Return the first of all candidates that this one repeats by any digest, or itself.

        Must be called in settling order. A repeat of a repeat refers to the first of all.
        """
        told = (("kernel", kernel), ("syntax", syntax), ("plan", plan))
        digests = [_key(kind, digest) for kind, digest in told if digest is not None]
        first = min((self._firsts[each] for each in digests if each in self._firsts), default=number)
        for digest in digests:
            self._firsts.setdefault(digest, first)
        return first


class Repeats:
    """Says which candidates repeat settled ones."""

    def __init__(self) -> None:
        self._firsts = Firsts()

    def first_like(self, candidate: Candidate) -> int | None:
        """Return the first settled candidate with the same kernel or the same syntax, if there is one."""
        known = (
            self._firsts.known("kernel", _digest(candidate)),
            self._firsts.known("syntax", candidate.syntax),
        )
        return min((each for each in known if each is not None), default=None)

    def first_doing(self, plan_digest: str) -> int | None:
        """Return the first settled candidate with this plan, if there is one."""
        return self._firsts.known("plan", plan_digest)

    def settle(self, candidate: Candidate, evaluation: Evaluation) -> Evaluation:
        """Return the evaluation, as a duplicate of the first candidate with the same kernel or plan if any.

        Must be called in settling order. A repeat of a repeat refers to the first of all.
        """
        first = self._firsts.settle(
            candidate.number, kernel=_digest(candidate), syntax=candidate.syntax, plan=evaluation.plan_digest
        )
        return evaluation if first == candidate.number else evaluation.as_duplicate_of(first)


def _digest(candidate: Candidate) -> str | None:
    """Return the digest of a candidate's kernel, if it has one."""
    return None if candidate.kernel is None else candidate.kernel.digest


def _key(kind: str, digest: str) -> bytes:
    """Return a short digest, since every candidate's stay in memory."""
    return hashlib.blake2b(f"{kind} {digest}".encode(), digest_size=16).digest()
