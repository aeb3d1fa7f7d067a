"""A recording: replies from a file, for demos, tests and runs that must not depend on an endpoint.

The file holds JSON lines. The first is a `Heading` that says who wrote the replies and when; each of the
others is a `Line`, a reply and the operator that it is for. Which reply a call gets depends on the call
alone, so a run is the same however many calls are under way and in whichever order they come: of the replies
for the proposal's operator, in the order of the file, it is the one at `number + attempt + turn`, counted
round. A turn is a reply that was sent back in the same conversation. So two proposals of one operator share a
reply only if their numbers differ by a multiple of how many there are; a redraw or correction gets the next.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from evo.candidate import FREE, Proposal, Spend
from evo.errors import SettingsError
from operators.llm.contract import Finish, Reply, Request

Decoded = TypeVar("Decoded")

LARGEST = 64 << 20
"""Bytes that a recording may have: thousands of long replies."""


class Heading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="kernevo recording"):
    """The first line of a recording.

    Attributes:
        author: who wrote the replies: a model, a person, an assistant.
        written: the date, as YYYY-MM-DD.
        task: the task that they are for.
        note: what else a reader should know.

    Raises:
        ValueError: nobody is named as the author, or the date is none.
    """

    author: str
    written: str
    task: str
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse a heading that does not say who and when."""
        if not self.author.strip():
            raise ValueError("author must say who wrote the replies, got an empty text")
        parts = self.written.split("-")
        if [len(part) for part in parts] != [4, 2, 2] or not "".join(parts).isdecimal():
            raise ValueError(f"written must be a date as YYYY-MM-DD, got {self.written!r}")


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A reply of a recording.

    Attributes:
        operator: name of the operator that it is for, without the model that may follow an `@`.
        reply: what the model said.
        finish: how it ended.
        tokens_in, tokens_out: what it took, if that is known.

    Raises:
        ValueError: no operator is named, or a count of tokens is negative.
    """

    operator: str
    reply: str
    finish: Finish = Finish.STOP
    tokens_in: int = 0
    tokens_out: int = 0

    def __post_init__(self) -> None:
        """Refuse what no model can have said."""
        if not self.operator or "@" in self.operator:
            raise ValueError(f"operator must be a name without '@', got {self.operator!r}")
        if min(self.tokens_in, self.tokens_out) < 0:
            raise ValueError(f"tokens must not be negative, got {self.tokens_in} and {self.tokens_out}")

    @property
    def spend(self) -> Spend:
        """The tokens of the reply."""
        return Spend(tokens_in=self.tokens_in, tokens_out=self.tokens_out)


class Recording:
    """A provider that replays the replies of a file.

    Attributes:
        heading: the file's first line.
    """

    def __init__(self, path: Path) -> None:
        """Read a recording.

        Raises:
            SettingsError: it cannot be read, or a line of it is not what it must be.
        """
        self.heading, lines = _read(path)
        self._replies: dict[str, list[Line]] = {}
        for line in lines:
            self._replies.setdefault(line.operator, []).append(line)

    async def answer(self, request: Request, proposal: Proposal) -> Reply:
        """Return the reply for a call; one that FAILED if there is none for the operator."""
        operator = proposal.operator.partition("@")[0]
        replies = self._replies.get(operator)
        if not replies:
            return Reply(
                text="", finish=Finish.FAILED, tries=0,
                reason=f"the recording has no reply for {operator}, only for {', '.join(self._replies)}",
            )  # fmt: skip
        turn = sum(message.role == "assistant" for message in request.messages)
        line = replies[(proposal.number + proposal.attempt + turn) % len(replies)]
        reason = "" if line.finish is Finish.STOP else f"the recorded reply ended by {line.finish}"
        return Reply(
            text=line.reply, finish=line.finish, reason=reason, model=self.heading.author, spend=line.spend
        )

    def most(self, request: Request) -> Spend:  # noqa: ARG002
        """Return the most tokens that any reply of the recording took."""
        spends = [line.spend for lines in self._replies.values() for line in lines]
        return Spend(
            tokens_in=max((each.tokens_in for each in spends), default=FREE.tokens_in),
            tokens_out=max((each.tokens_out for each in spends), default=FREE.tokens_out),
        )


def recording_text(heading: Heading, lines: Iterable[Line]) -> str:
    """Return the text of a recording, as `Recording` reads it."""
    encoded = [msgspec.json.encode(heading), *map(msgspec.json.encode, lines)]
    return "".join(each.decode() + "\n" for each in encoded)


def _read(path: Path) -> tuple[Heading, list[Line]]:
    """Return heading and replies of a recording; blank lines are passed over."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise SettingsError(f"recording {path} cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise SettingsError(f"recording {path} may have {LARGEST} bytes, it has more")
    numbered = [(number, line) for number, line in enumerate(raw.split(b"\n"), 1) if line.strip()]
    if not numbered:
        raise SettingsError(f"recording {path} must begin with a line that says who wrote it, it is empty")
    heading = _decoded(path, *numbered[0], Heading)
    lines = [_decoded(path, number, line, Line) for number, line in numbered[1:]]
    if not lines:
        raise SettingsError(f"recording {path} must hold at least one reply, got none")
    return heading, lines


def _decoded(path: Path, number: int, line: bytes, kind: type[Decoded]) -> Decoded:
    """Return a line as what it must be."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        what = "the heading" if kind is Heading else "a reply"
        raise SettingsError(f"recording {path} line {number} must be {what}: {error}") from None
