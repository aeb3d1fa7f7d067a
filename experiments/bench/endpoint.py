"""A local endpoint that speaks the chat completions protocol over real sockets, and fails when told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec

PATH = "/v1/chat/completions"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a request.

    Attributes:
        status, headers, body: of the response; a length header comes by itself.
        delay: seconds until anything is sent.
        way: whether the body is sent whole, or the connection is closed after `half` of it, or closed
            (`dropped`) or left open (`hanging`) without a word.
    """

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""
    delay: float = 0.0
    way: Literal["whole", "half", "dropped", "hanging"] = "whole"


class Received(msgspec.Struct, kw_only=True):
    """A request as it arrived.

    Attributes:
        number: counts from 0, in the order of arrival.
        path: that was asked for.
        headers: by their names in lower case.
        body: the JSON object that was sent.
        answer: what was to become of it.
        sent: whether the answer was sent to its end.
    """

    number: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    answer: Answer = Answer()
    sent: bool = False

    @property
    def prompt(self) -> str:
        """The last message's text."""
        return str(self.body["messages"][-1]["content"])


Script = Callable[[Received], Answer]
"""Says what becomes of each request."""

DROPPED = Answer(way="dropped")
HANGING = Answer(way="hanging")
WRONG_JSON = Answer(headers={"Content-Type": "application/json"}, body=b'{"choices": [{"message": nothing')
PAGE = Answer(headers={"Content-Type": "text/html"}, body=b"<!doctype html><title>Welcome</title>")


def completion(
    text: str | None,
    *,
    finish: str = "stop",
    refusal: str | None = None,
    usage: tuple[int, int] | None = (100, 20),
    delay: float = 0.0,
    model: str = "simulated",
    way: Literal["whole", "half"] = "whole",
) -> Answer:
    """Return the answer that says the text, with the tokens read and written if any are told."""
    message = {"role": "assistant", "content": text, "refusal": refusal}
    told: dict[str, Any] = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
    }  # fmt: skip
    if usage is not None:
        told["usage"] = {
            "prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage),
        }  # fmt: skip
    return as_json(told, delay=delay, way=way)


def empty(usage: tuple[int, int] = (100, 0)) -> Answer:
    """Return the answer that holds no choice."""
    told = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return as_json({"object": "chat.completion", "model": "simulated", "choices": [], "usage": told})


def failure(
    status: int,
    message: str = "it failed",
    *,
    code: str | None = None,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Return an error as the protocol has it."""
    told = {"error": {"message": message, "type": "simulated", "param": param, "code": code}}
    return as_json(told, status=status, headers=headers)


def as_json(
    told: Any,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    delay: float = 0.0,
    way: Literal["whole", "half"] = "whole",
) -> Answer:
    """Return the answer that is this JSON."""
    typed = {"Content-Type": "application/json", **(headers or {})}
    return Answer(status=status, headers=typed, body=json.dumps(told).encode(), delay=delay, way=way)


class Endpoint:
    """A local server, to be entered in an event loop.

    Attributes:
        received: all requests, in the order of their arrival.
        most_at_once: the most requests that were under way at once.
        port: where it listens, the same one each time it is entered; 0 before the first time.
    """

    def __init__(self, script: Script, key: str | None = None) -> None:
        """Answer as the script says; with a key, only those who show it."""
        self.port = 0
        self.received: list[Received] = []
        self.most_at_once = 0
        self._script = script
        self._key = key
        self._at_once = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What a client takes as the base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> Endpoint:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for each in self._open:
            each.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer request after request, until either side closes the connection."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while (received := await self._read(reader)) is not None:
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)
                try:
                    await self._answer(received, reader, writer)
                finally:
                    self._at_once -= 1
                if not received.sent:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the server ends: either way there is nobody to answer
        finally:
            self._open.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        path = head[0].split(" ")[1]
        received = Received(
            number=len(self.received), path=path, headers=headers, body=json.loads(body) if body else {}
        )
        self.received.append(received)
        return received

    async def _answer(
        self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer = received.answer = self._of(received)
        if answer.delay or answer.way == "hanging":
            gone = asyncio.ensure_future(reader.read(1))  # nothing is sent before it is answered
            try:
                await asyncio.wait([gone], timeout=None if answer.way == "hanging" else answer.delay)
                if gone.done():
                    return
            finally:
                gone.cancel()
                await asyncio.wait([gone])
        if answer.way == "dropped":
            return
        headers = {"Content-Length": str(len(answer.body)), **answer.headers}
        lines = [f"HTTP/1.1 {answer.status} Simulated", *(f"{name}: {headers[name]}" for name in headers)]
        end = len(answer.body) // 2 if answer.way == "half" else len(answer.body)
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + answer.body[:end])
        await writer.drain()
        received.sent = answer.way == "whole"

    def _of(self, received: Received) -> Answer:
        if received.path != PATH:
            return Answer(status=404, headers=PAGE.headers, body=b"<html>404 Not Found</html>")
        if self._key is not None and received.headers.get("authorization") != f"Bearer {self._key}":
            shown = received.headers.get("authorization", "").removeprefix("Bearer ")
            return failure(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")
        return self._script(received)


@contextlib.contextmanager
def serving(script: Script, key: str | None = None) -> Iterator[Endpoint]:
    """Yield an endpoint that runs in a thread of its own, for clients that run no event loop here."""
    endpoint, opened = Endpoint(script, key), threading.Event()
    loop = asyncio.new_event_loop()
    ended = asyncio.Event()

    async def serve() -> None:
        async with endpoint:
            opened.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    opened.wait()
    try:
        yield endpoint
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()
