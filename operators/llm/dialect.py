"""Dialect: what an endpoint wants a request of one model to look like, learnt from its own complaints."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from operators.llm.completion import Problem
from operators.llm.contract import Request

UNSUPPORTED = ("unsupported", "not support", "not permitted", "not allowed", "deprecated", "instead")
"""Words by which endpoints refuse a parameter as such, and not its value."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How a request is told.

    Attributes:
        limit: the parameter that limits a reply; reasoning models take the second one only.
        temperature: whether one may be asked for.
    """

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    temperature: bool = True

    def fields(self, request: Request) -> dict[str, Any]:
        """Return the request's fields as the protocol names them."""
        fields: dict[str, Any] = {
            "model": request.model,
            "messages": msgspec.to_builtins(request.messages),
            self.limit: request.max_tokens,
        }
        if self.temperature and request.temperature is not None:
            fields["temperature"] = request.temperature
        return fields

    def corrected(self, problem: Problem | None) -> Dialect:
        """Return the dialect that does without what is complained of; this one if that is something else."""
        if problem is None:
            return self
        said = f"{problem.code} {problem.param} {problem.message}".lower()
        if not any(word in said for word in UNSUPPORTED):
            return self
        if "max_tokens" in said or "max_completion_tokens" in said:
            return msgspec.structs.replace(self, limit="max_completion_tokens")
        if "temperature" in said:
            return msgspec.structs.replace(self, temperature=False)
        return self
