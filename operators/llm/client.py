"""Client: one request, sent once over HTTP by the `openai` package. The only module that imports it."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from openai import AsyncOpenAI

CONNECT_SECONDS = 20.0
"""Time to connect: far more than any endpoint within reach needs."""

SHORTEST_SECRET = 8
"""Characters from which on a key is a secret: `none` or `EMPTY`, sent where none is wanted, is not."""

UNREACHED = frozenset({"ConnectError", "ConnectTimeout", "UnsupportedProtocol", "ProxyError"})
"""Errors of a request that never came to the endpoint, and so costs nothing."""


class Heard(msgspec.Struct, frozen=True):
    """What an endpoint answered: an HTTP status, headers by their names in lower case, and a body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lost(Exception):
    """No answer came, or not all of it.

    Attributes:
        reached: whether the request may have come to the endpoint.
    """

    def __init__(self, reason: str, *, reached: bool) -> None:
        """Say in one line what happened."""
        super().__init__(reason)
        self.reached = reached


class Client:
    """An endpoint's address and key; it is connected to when it is first asked.

    Attributes:
        url: the endpoint's.
    """

    def __init__(self, url: str, key: str) -> None:
        """Take both; the key is shown to the endpoint and to nobody else."""
        self.url = url
        self._key = key
        self._openai: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    async def open(self) -> AsyncOpenAI:
        """Return what requests are sent with, made ready if it was not."""
        async with self._opening:
            if self._openai is None:
                await asyncio.to_thread(importlib.import_module, "openai")  # a second, while the loop goes on
                from openai import AsyncOpenAI, Timeout

                limits = Timeout(None, connect=CONNECT_SECONDS)
                self._openai = AsyncOpenAI(
                    api_key=self._key, base_url=self.url, timeout=limits, max_retries=0
                )
            return self._openai

    async def post(self, fields: Mapping[str, Any]) -> Heard:
        """Ask for a chat completion with these fields and return the answer, whatever its status.

        Only connecting has a limit of time. The key stands nowhere in what is returned or raised.

        Raises:
            Lost: no answer, or not all of it.
        """
        openai = await self.open()
        from openai import APIConnectionError, APIStatusError

        try:
            raw = await openai.chat.completions.with_raw_response.create(**fields)
            response = raw.http_response
        except APIStatusError as error:
            response = error.response
        except APIConnectionError as error:
            cause = error.__cause__ or error
            raise Lost(self._hidden(_described(cause)), reached=not _unreached(cause)) from None
        body = response.content
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Heard(response.status_code, headers, self._hidden(body.decode(errors="replace")).encode())

    async def aclose(self) -> None:
        """Close all connections; asked again, it opens new ones."""
        openai, self._openai = self._openai, None
        if openai is not None:
            await openai.close()

    def _hidden(self, text: str) -> str:
        """Return the text without the key, which some endpoints repeat in their errors."""
        return text.replace(self._key, "***") if len(self._key) >= SHORTEST_SECRET else text


def _described(error: BaseException) -> str:
    """Return an error in one line; many of the network's have no words of their own."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _unreached(error: BaseException) -> bool:
    return not UNREACHED.isdisjoint(kind.__name__ for kind in type(error).__mro__)
