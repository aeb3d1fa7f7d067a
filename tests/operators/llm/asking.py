"""Ways to ask the simulated endpoint in tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from evo.candidate import Proposal
from operators.llm.client import Client
from operators.llm.clock import Clock
from operators.llm.contract import Message, Reply, Request
from operators.llm.endpoint import EndpointProvider
from operators.llm.settings import LlmSettings, ModelSettings
from tests.operators.llm.endpoint import Answer, Endpoint, Script, one_after_another

KEY = "sk-test-0123456789abcdef"
MODEL = ModelSettings(name="simulated", dollars_in=2.0, dollars_out=8.0)
SPEED = 100.0
"""Seconds of the tests' clock in a real one; with the limits below, a busy machine is no time-out."""


def request(text: str = "Say something.", **changes: object) -> Request:
    fields = {"model": MODEL.name, "messages": (Message("user", text),), "max_tokens": 1_000}
    return Request(**{**fields, **changes})  # type: ignore[arg-type]


def proposal(number: int = 1, attempt: int = 0) -> Proposal:
    return Proposal(
        number=number, operator="ask", parents=(0,), generation=1, key=7 * number, attempt=attempt
    )


def settings(**changes: object) -> LlmSettings:
    fields = {"models": (MODEL,), "try_seconds": 3_000.0, "deadline_seconds": 9_000.0}
    return LlmSettings(**{**fields, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def asked(
    script: Script | Sequence[Answer], *, key: str | None = None, speed: float = SPEED, **changes: object
) -> AsyncIterator[tuple[EndpointProvider, Endpoint]]:
    """Yield a provider and the endpoint that it asks, both open."""
    answers = one_after_another(script) if isinstance(script, Sequence) else script
    async with Endpoint(answers, key) as endpoint:
        client = Client(endpoint.url, KEY)
        provider = EndpointProvider(client, settings(**changes), Clock(speed))
        try:
            yield provider, endpoint
        finally:
            await provider.aclose()


async def answer(script: Script | Sequence[Answer], **changes: object) -> tuple[Reply, Endpoint]:
    """Ask once, and return the reply and the endpoint, closed."""
    async with asked(script, **changes) as (provider, endpoint):  # type: ignore[arg-type]
        return await provider.answer(request(), proposal()), endpoint
