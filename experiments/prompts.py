"""Prompts: what models were asked for a candidate, and what they answered, as the journal keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from rich.console import Console

from evo.budget import counted
from evo.errors import JournalError, UsageError
from evo.journal import JournalReader
from experiments.console import harmless
from operators.llm.contract import Finish, Reply, Request

T = TypeVar("T", Request, Reply)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a candidate, and the reply.

    Attributes:
        attempt: 0, or which redraw of a kernel that repeated another it was for.
        digest: of the request, by which candidates name it.
        used: whether the candidate was made from this reply.
        request, reply: as they were sent and came.
    """

    attempt: int
    digest: str
    used: bool
    request: Request
    reply: Reply


def calls_for(journal: JournalReader, number: int) -> tuple[Call, ...]:
    """Return the calls for a candidate in their order, also while it is made.

    Raises:
        UsageError: no such candidate was asked for.
        JournalError: the journal lacks or cannot read what it names.
    """
    asked = journal.asked()
    if not 0 <= number < asked:
        raise UsageError(f"a candidate must be one of the {asked} that this run asked for, got {number}")
    told = journal.told(number)
    made_from = told[-1].request if told else None
    return tuple(
        Call(
            attempt=called.attempt, digest=called.request, used=called.request == made_from,
            request=_read(journal, called.request, Request), reply=_read(journal, called.reply, Reply),
        )
        for called in journal.called(number)
    )  # fmt: skip


def calls_data(number: int, calls: Sequence[Call]) -> dict[str, Any]:
    """Return the calls for a candidate as data."""
    return {"number": number, "calls": msgspec.to_builtins(calls)}


def show_calls(console: Console, number: int, calls: Sequence[Call]) -> None:
    """Print the calls for a candidate as conversations: no message twice, replies in their places."""
    if not calls:
        console.print(f"no model has answered for candidate {number}")
        return
    console.print(f"candidate {number}: {counted(len(calls), 'call')}")
    last: Call | None = None
    for call in calls:
        new = call.request.messages
        if last is not None and _continues(call, last):
            new = new[len(last.request.messages) + 1 :]  # without the reply, which was shown
        elif last is not None:
            console.print(f"\n=== anew, redraw {call.attempt}")
        for message in new:
            _show(console, f"{message.role} to {call.request.model}", message.content)
        _show(console, _heading(call), call.reply.text or call.reply.reason)
        last = call


def _continues(call: Call, last: Call) -> bool:
    """Return whether a call goes on with the conversation of the one before it."""
    before = last.request.messages
    return call.attempt == last.attempt and call.request.messages[: len(before)] == before


def _heading(call: Call) -> str:
    """Return how a reply ended, what it cost, and whether use was made of it."""
    reply, spend = call.reply, call.reply.spend
    parts = [f"reply of {reply.model or call.request.model}"]
    if reply.finish is not Finish.STOP:
        parts.append(f"{reply.finish}: {reply.reason}")
    parts.append(f"{counted(spend.tokens_in, 'token')} in, {spend.tokens_out} out")
    if spend.dollars:
        parts.append(f"{spend.dollars:.4g} dollars")
    return ", ".join([*parts, "made into the candidate"] if call.used else parts)


def _show(console: Console, heading: str, text: str) -> None:
    """Print a text under its heading; what models write may not steer the terminal."""
    console.print(f"\n--- {heading}\n\n{harmless(text).rstrip()}")


def _read(journal: JournalReader, digest: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(journal.blob(digest), type=kind)
    except msgspec.DecodeError as error:
        raise JournalError(f"the journal must hold what was asked and answered, got {error}") from None
