"""Kernel, proposal and candidate: what is made, why, and from what."""

from __future__ import annotations

import hashlib
import math

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
        attempt: 0, or which redraw this is of a kernel that repeated a settled one; the key is the redraw's.
        turn: how many proposals of the same generation before this one have its operator and parents.
        first_key: the key of the first of those, if there is one. An operator that goes through its choices
            in the order of that key, and takes the one whose turn it is, makes none twice in a generation.
    """

    number: int
    operator: str
    parents: tuple[int, ...]
    generation: int
    key: int
    island: int = 0
    attempt: int = 0
    turn: int = 0
    first_key: int | None = None

    @property
    def order(self) -> int:
        """The key that says in which order choices are gone through by turns."""
        return self.key if self.first_key is None else self.first_key


class Spend(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was paid to have a candidate made, calls that failed or were repeated included.

    Attributes:
        tokens_in, tokens_out: tokens that a language model read and wrote.
        dollars: their price.
        calls: requests that were answered, however often each was tried.

    Raises:
        ValueError: an amount that is negative or not finite.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    calls: int = 0

    def __post_init__(self) -> None:
        """Refuse what nobody can have spent."""
        if not (min(self.tokens_in, self.tokens_out, self.calls) >= 0 and 0 <= self.dollars < math.inf):
            raise ValueError(f"a spend must be finite and not negative, got {self}")

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.tokens_in + self.tokens_out

    def __add__(self, other: Spend) -> Spend:
        if other == FREE:
            return self
        return Spend(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            dollars=self.dollars + other.dollars,
            calls=self.calls + other.calls,
        )

    def at_least(self, other: Spend) -> Spend:
        """Return the larger of each amount of both."""
        return Spend(
            tokens_in=max(self.tokens_in, other.tokens_in),
            tokens_out=max(self.tokens_out, other.tokens_out),
            dollars=max(self.dollars, other.dollars),
            calls=max(self.calls, other.calls),
        )

    def __mul__(self, times: int) -> Spend:
        return Spend(
            tokens_in=self.tokens_in * times, tokens_out=self.tokens_out * times,
            dollars=self.dollars * times, calls=self.calls * times,
        )  # fmt: skip


FREE = Spend()
"""What whatever no model is asked for costs."""

ONE_CALL = Spend(calls=1)
"""What an answered request counts as, beside what it is paid for."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a kernel was made that another run imported.

    Attributes:
        run: name of that run's folder.
        identity: what tells that run from all others, also those whose folder has the same name.
        number: the candidate there.
    """

    run: str
    identity: str
    number: int

    def __str__(self) -> str:
        """Return it in words."""
        return f"run {self.run}, candidate {self.number}"


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A kernel made for a proposal; a malformed reply has no kernel.

    Attributes:
        proposal: what was asked for.
        kernel: what was made, or None if the reply held no kernel.
        summary: one line that says what the operator did, or why there is no kernel.
        syntax: identity of the kernel's normalised syntax (`evo/syntax.py`), where it was looked at.
        redraws: kernels that were made before this one and thrown away, for each repeated a settled one.
        spend: what was paid for it.
        request: digest of the request whose reply it was made from, where an operator asked a model.
        origin: the run and the candidate that its kernel was imported from, if it was.
    """

    proposal: Proposal
    kernel: Kernel | None
    summary: str = ""
    syntax: str | None = None
    redraws: int = 0
    spend: Spend = FREE
    request: str | None = None
    origin: Origin | None = None

    @property
    def number(self) -> int:
        """The candidate's identity within its run: its proposal's number."""
        return self.proposal.number
