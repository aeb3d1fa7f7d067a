"""Kernel, proposal and candidate: what is made, why, and from what."""

from __future__ import annotations

import hashlib

import msgspec


class Kernel(msgspec.Struct, frozen=True):
    """Source of one Python module: `@triton.jit` functions and the entry point that launches them."""

    source: str

    @property
    def digest(self) -> str:
        """SHA-256 of the source, in hex: the kernel's identity."""
        return hashlib.sha256(self.source.encode()).hexdigest()


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What to make next.

    Attributes:
        number: 0 for the task's seed kernel, then counting up; a candidate bears its proposal's number.
        operator: name of the operator to ask; `seed` for number 0.
        parents: numbers of the parent candidates.
        island: index of the island that the parents were drawn from.
        generation: 0 for the seed, then counting up.
        key: 64 random bits from the run's seed and the number; all randomness of the operator comes from it.
    """

    number: int
    operator: str
    parents: tuple[int, ...]
    generation: int
    key: int
    island: int = 0


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel made for a proposal; a malformed reply has no kernel.

    Attributes:
        proposal: what was asked for.
        kernel: what was made, or None if the reply held no kernel.
        summary: one line that says what the operator did, or why there is no kernel.
        syntax: identity of the kernel's normalised syntax (`evo/syntax.py`), where it was looked at.
        redraws: kernels that were made before this one and thrown away, for each repeated a settled one.
    """

    proposal: Proposal
    kernel: Kernel | None
    summary: str = ""
    syntax: str | None = None
    redraws: int = 0

    @property
    def number(self) -> int:
        """The candidate's identity within its run: its proposal's number."""
        return self.proposal.number
