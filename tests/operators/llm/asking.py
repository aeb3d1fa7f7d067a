"""Ways to ask the simulated endpoint in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from evo.candidate import Proposal
from operators.llm.client import Client
from operators.llm.clock import Clock
from operators.llm.contract import Message, Reply, Request
from operators.llm.endpoint import EndpointProvider
from operators.llm.settings import LlmSettings, ModelSettings
from tests.operators.llm.endpoint import HANGING, Answer, Endpoint, Received, Script, one_after_another

KEY = "sk-test-0123456789abcdef"
MODEL = ModelSettings(name="simulated", dollars_in=2.0, dollars_out=8.0)


class Stepping(Clock):
    """A clock that only waits move on, and at once, so that no test depends on how busy the machine is."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._limit = asyncio.Timeout(None)

    def now(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        self._seconds += seconds
        await asyncio.sleep(0)

    def limit(self, seconds: float) -> asyncio.Timeout:
        """Return a limit that is never reached by itself."""
        self._limit = asyncio.Timeout(None)
        return self._limit

    def expire(self) -> None:
        """Have the limit that was asked for last be reached now."""
        self._limit.reschedule(asyncio.get_running_loop().time())


def request(text: str = "Say something.", **changes: object) -> Request:
    fields = {"model": MODEL.name, "messages": (Message("user", text),), "max_tokens": 1_000}
    return Request(**{**fields, **changes})  # type: ignore[arg-type]


def proposal(number: int = 1, attempt: int = 0) -> Proposal:
    return Proposal(
        number=number, operator="ask", parents=(0,), generation=1, key=7 * number, attempt=attempt
    )


def settings(**changes: object) -> LlmSettings:
    fields = {"models": (MODEL,), "try_seconds": 30.0, "deadline_seconds": 100.0}
    return LlmSettings(**{**fields, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def asked(
    script: Script | Sequence[Answer], *, clock: Stepping | None = None, **changes: object
) -> AsyncIterator[tuple[EndpointProvider, Endpoint]]:
    """Yield a provider and the endpoint that it asks, both open; a request left hanging is out of time."""
    answers = one_after_another(script) if isinstance(script, Sequence) else script
    stepping = clock or Stepping()

    def expiring(received: Received) -> Answer:
        answer = answers(received)
        if answer is HANGING:
            stepping.expire()
        return answer

    async with Endpoint(expiring) as endpoint:
        provider = EndpointProvider(Client(endpoint.url, KEY), settings(**changes), stepping)
        try:
            yield provider, endpoint
        finally:
            await provider.aclose()


async def answer(script: Script | Sequence[Answer], **changes: object) -> tuple[Reply, Endpoint]:
    """Ask once, and return the reply and the endpoint, closed."""
    async with asked(script, **changes) as (provider, endpoint):  # type: ignore[arg-type]
        return await provider.answer(request(), proposal()), endpoint
