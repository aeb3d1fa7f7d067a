"""Request and reply, and who answers."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from evo.candidate import ONE_CALL, Proposal, Spend


class Message(msgspec.Struct, frozen=True):
    """One message of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model is asked. Nothing in it is secret, and nothing depends on where the model is.

    Attributes:
        model: name that the endpoint knows the model by.
        messages: the conversation so far.
        max_tokens: tokens that the reply may have at most, reasoning included.
        temperature: of sampling; None leaves it to the endpoint.
    """

    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float | None = None

    @property
    def body(self) -> bytes:
        """The request as JSON, as the journal keeps it."""
        return msgspec.json.encode(self, order="deterministic")

    @property
    def digest(self) -> str:
        """SHA-256 of the body, in hex."""
        return hashlib.sha256(self.body).hexdigest()


class Finish(StrEnum):
    """How a reply ended.

    Attributes:
        STOP: the model had said all.
        LENGTH: it was cut off at `max_tokens`.
        REFUSED: the endpoint or the model would not answer, a content filter say.
        FAILED: no reply came within the deadline, whatever was tried.
    """

    STOP = "stop"
    LENGTH = "length"
    REFUSED = "refused"
    FAILED = "failed"


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a request, in the end.

    Attributes:
        text: what the model said; empty if it FAILED.
        finish: how it ended.
        reason: one line that says why there is no whole reply; empty if there is one.
        model: the model that answered, as the endpoint calls it.
        spend: tokens and dollars, tries that failed included as far as they were told.
        tries: how often the endpoint was asked.
        seconds: from the first try to the end of the last.
    """

    text: str
    finish: Finish = Finish.STOP
    reason: str = ""
    model: str = ""
    spend: Spend = Spend()
    tries: int = 1
    seconds: float = 0.0

    @property
    def paid(self) -> Spend:
        """What it counts as against budgets: its spend, and one call."""
        return self.spend + ONE_CALL

    @property
    def body(self) -> bytes:
        """The reply as JSON, as the journal keeps it."""
        return msgspec.json.encode(self, order="deterministic")


class Provider(Protocol):
    """Whoever answers requests: an endpoint, a recording, or nobody for now."""

    async def answer(self, request: Request, proposal: Proposal) -> Reply:
        """Return the reply, which may say that none came.

        Raises:
            Unanswered: none comes in this session.
            ModelError: the endpoint refuses us, or is out of reach for long.
        """

    def most(self, request: Request) -> Spend:
        """Return the most that the answer may cost, all tries included."""
