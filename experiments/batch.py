"""Batch: requests and results as files in the format of OpenAI's Batch API, one JSON object a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from experiments.reading import read_bytes
from operators.llm.completion import completion_in, problem_in
from operators.llm.contract import Request
from operators.llm.verdicts import quoted
from operators.llm.waiting import NoReply, Result, Ticket

URL = "/v1/chat/completions"
BYTES = 512 << 20
"""What a file of results may have; twice what OpenAI takes or gives."""


class Line(msgspec.Struct, frozen=True):
    """What a line of results came to.

    Attributes:
        number: its place in the file, from 1.
        ticket: of the request that it answers.
        result: what came of that.
    """

    number: int
    ticket: Ticket
    result: Result


class Fault(msgspec.Struct, frozen=True, order=True):
    """A line that nothing can be made of.

    Attributes:
        line: its place in the file, from 1.
        rule: what it must be, and what it is.
    """

    line: int
    rule: str


class Results(msgspec.Struct, frozen=True):
    """What a file of results holds.

    Attributes:
        lines: one for each ticket, the first that has a completion before others.
        repeats: lines that answer a request again.
        faults: lines that nothing can be made of.
    """

    lines: tuple[Line, ...]
    repeats: int
    faults: tuple[Fault, ...]

    @property
    def by_ticket(self) -> Mapping[Ticket, Result]:
        """What came in, by ticket."""
        return {line.ticket: line.result for line in self.lines}


def batch_of(requests: Mapping[Ticket, Request]) -> str:
    """Return the text of a batch: the requests in the order of their tickets."""
    encoder = msgspec.json.Encoder()
    return "".join(encoder.encode(_asked(*each)).decode() + "\n" for each in sorted(requests.items()))


def read_results(path: Path) -> Results:
    """Return what a file of results holds, in the order of its lines; blank lines hold nothing.

    Raises:
        UsageError: it cannot be read or is too large.
    """
    kept: dict[Ticket, Line] = {}
    seen: Counter[Ticket] = Counter()
    faults = []
    content = read_bytes(path, "replies file", largest=BYTES)
    for number, text in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            line = _line(number, text)
        except (ValueError, RecursionError) as error:
            faults.append(Fault(number, str(error)))
            continue
        seen[line.ticket] += 1
        former = kept.get(line.ticket)
        if former is None or (isinstance(former.result, NoReply) and not isinstance(line.result, NoReply)):
            kept[line.ticket] = line
    return Results(tuple(kept.values()), seen.total() - len(seen), tuple(faults))


class _Problem(msgspec.Struct, frozen=True):
    code: str | int | None = None
    message: str | None = None


class _Response(msgspec.Struct, frozen=True):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Result(msgspec.Struct, frozen=True):
    custom_id: str
    response: _Response | None = None
    error: _Problem | str | None = None


def _asked(ticket: Ticket, request: Request) -> dict[str, Any]:
    """Return a line of a batch. Reasoning models take only the newer name of the limit, others both."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": request.messages,
        "max_completion_tokens": request.max_tokens,
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    return {"custom_id": str(ticket), "method": "POST", "url": URL, "body": body}


def _line(number: int, text: bytes) -> Line:
    """Return what a line came to.

    Raises:
        ValueError: it is no result of a batch that a run asked.
    """
    try:
        read = msgspec.json.decode(text, type=_Result)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"a line must be one result of a batch, got {error}") from None
    ticket = Ticket.read(read.custom_id)
    if ticket is None:
        raise ValueError(f"custom_id must be one that `kernevo ask` wrote, got {read.custom_id!r}")
    return Line(number, ticket, _result(read))


def _result(read: _Result) -> Result:
    """Return what came of a request.

    Raises:
        ValueError: nothing that the format knows.
    """
    response, error = read.response, read.error
    if error is not None:
        said = error if isinstance(error, str) else error.message or error.code
        return NoReply(f"the batch gave no reply: {quoted(str(said))}")
    if response is None:
        raise ValueError("a result must have a response or an error, got neither")
    if response.status_code != 200:
        problem = problem_in(bytes(response.body))
        said = quoted(problem.message) if problem else "nothing more"
        return NoReply(f"the batch gave no reply: HTTP {response.status_code}, {said}")
    try:
        completion = completion_in(bytes(response.body))
    except ValueError as wrong:
        raise ValueError(f"response.body must be a chat completion, got {wrong}") from None
    if completion.error is not None and not completion.choices:
        said = completion.error if isinstance(completion.error, str) else completion.error.message
        return NoReply(f"the batch gave no reply: {quoted(said)}")
    if completion.choices is None:
        raise ValueError("response.body must be a chat completion, got no choices")
    return completion
