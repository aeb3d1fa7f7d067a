"""Completion: what an endpoint's answer says, read as leniently as the protocol's many dialects need."""

from __future__ import annotations

import msgspec

from operators.llm.contract import Finish

CUT_OFF = frozenset({"length", "max_tokens"})
"""Reasons to finish that mean a cut-off at the limit of tokens."""
REFUSED = "content_filter"


class Usage(msgspec.Struct, frozen=True):
    """Tokens read and written, as the endpoint counts them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Part(msgspec.Struct, frozen=True):
    """A piece of a message; those that are not text, such as reasoning, say nothing to us."""

    type: str = ""
    text: str = ""


class Said(msgspec.Struct, frozen=True):
    """The message of a choice."""

    content: str | tuple[Part, ...] | None = None
    refusal: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """One of the replies that a completion offers; we ask for one."""

    message: Said | None = None
    finish_reason: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """What an endpoint says of an error; dialects differ in what they tell."""

    message: str = ""
    code: str | int | None = None
    param: str | None = None
    type: str | None = None


class Completion(msgspec.Struct, frozen=True):
    """The body of an answer, whichever fields there are.

    Attributes:
        choices: what the model said.
        usage: tokens that are billed; None if the endpoint does not tell.
        model: the model's full name.
        error: what went wrong, which some gateways say with status 200.
    """

    choices: tuple[Choice, ...] | None = None
    usage: Usage | None = None
    model: str | None = None
    error: Problem | str | None = None

    @property
    def text(self) -> str:
        """What the model said; empty if nothing."""
        said = self.choices[0].message if self.choices else None
        if said is None or said.content is None:
            return ""
        content = said.content
        if isinstance(content, str):
            return content
        return "".join(part.text for part in content if part.type in ("", "text"))

    @property
    def refusal(self) -> str:
        """What the model says against answering; empty if it answers."""
        said = self.choices[0].message if self.choices else None
        return (said and said.refusal) or ""

    @property
    def finish(self) -> Finish:
        """How the first choice ended."""
        assert self.choices, "only a choice can end"
        choice = self.choices[0]
        if choice.finish_reason == REFUSED or self.refusal:
            return Finish.REFUSED
        return Finish.LENGTH if choice.finish_reason in CUT_OFF else Finish.STOP


def completion_in(body: bytes) -> Completion:
    """Return what a body says.

    Raises:
        ValueError: it is no JSON object, or its fields are not what the protocol has.
    """
    try:
        return msgspec.json.decode(body, type=Completion, strict=False)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def problem_in(body: bytes) -> Problem | None:
    """Return what the body of a failure says of it; None if it is not of the protocol.

    The protocol has `{"error": {...}}`; there are also `{"error": "..."}`, `{"message": "..."}` and
    `{"detail": ...}`.
    """
    try:
        told = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return None
    name = next((name for name in ("message", "error", "detail") if name in told), None)
    if name is None:
        return None
    said = body if name == "message" else bytes(told[name])
    try:
        problem = msgspec.json.decode(said, type=Problem | str)
    except msgspec.DecodeError:
        problem = said.decode(errors="replace")
    return Problem(message=problem) if isinstance(problem, str) else problem
