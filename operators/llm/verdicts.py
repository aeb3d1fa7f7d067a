"""Verdicts: what an endpoint's answer means for the request, and for all that would come after it."""

from __future__ import annotations

import msgspec

from evo.errors import ModelError
from operators.llm.client import Heard
from operators.llm.completion import Completion, Problem, completion_in, problem_in
from operators.llm.contract import Finish
from operators.llm.waits import wait_asked

LATER = frozenset({408, 409, 425, 429})
"""Statuses below 500 that ask to come again: time-out, conflict, too early, too many requests."""
THIS_REQUEST = frozenset({400, 413, 422, 451})
"""Statuses that refuse one request and say nothing of others."""
KEY = frozenset({401, 403})
PAYMENT = 402
UNKNOWN = 404
NO_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of a 429 that no waiting helps against."""
LONGEST_QUOTE = 240


class Again(msgspec.Struct, frozen=True, kw_only=True):
    """No reply this time, but there may be one the next.

    Attributes:
        reason: what happened, in one line.
        after: seconds that the endpoint asks to wait, if it does.
        paid: whether a model may have worked on a reply.
        completion: what came in the reply's place, if it tells of tokens.
    """

    reason: str
    after: float | None = None
    paid: bool = False
    completion: Completion | None = None


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint does not answer this request, however often it is asked.

    Attributes:
        reason: what it says, in one line.
        filtered: whether a content filter decided so.
    """

    reason: str
    filtered: bool = False


class Place(msgspec.Struct, frozen=True):
    """Who is asked: a model's name and the endpoint's URL."""

    model: str
    url: str

    def __str__(self) -> str:
        return f"model {self.model} at {self.url}"


Verdict = Completion | Again | Declined


def verdict(heard: Heard, place: Place, date: float) -> Verdict:
    """Return what the answer means, heard at `date`, seconds since the epoch.

    Raises:
        ModelError: the endpoint would not answer any request: key, model, quota or protocol.
    """
    if heard.status == 200:
        return _reply(heard, place)
    problem = problem_in(heard.body)
    said = _said(heard, problem)
    code = "" if problem is None else str(problem.code or problem.type)
    if heard.status == PAYMENT or (heard.status == 429 and code in NO_QUOTA):
        raise ModelError(f"{place} must have quota left, got {said}")
    if heard.status in LATER or heard.status >= 500:
        return Again(reason=said, after=wait_asked(heard.headers, date))
    if heard.status in KEY:
        raise ModelError(f"{place} must accept the key in OPENAI_API_KEY, got {said}")
    if problem is None:
        raise _no_endpoint(place, said)
    if heard.status in THIS_REQUEST:
        return Declined(reason=said, filtered=code == "content_filter")
    rule = "must be known there" if heard.status == UNKNOWN else "must answer chat completions"
    raise ModelError(f"{place} {rule}, got {said}")


def _reply(heard: Heard, place: Place) -> Verdict:
    """Return what a body means that came with the status of a reply."""
    try:
        completion = completion_in(heard.body)
    except ValueError as wrong:
        if heard.body.lstrip()[:1] == b"<":
            raise _no_endpoint(place, "HTTP 200 with a page of HTML") from None
        return Again(reason=f"not a chat completion: {quoted(str(wrong))}", paid=True)
    if not completion.choices:
        error = completion.error
        if error is not None:
            said = error if isinstance(error, str) else error.message
            paid = completion.usage is not None
            return Again(reason=f"an error with HTTP 200: {quoted(said)}", paid=paid, completion=completion)
        return Again(reason="a completion without choices", paid=True, completion=completion)
    if not completion.text and completion.finish is Finish.STOP:
        return Again(reason="an empty reply", paid=True, completion=completion)
    return completion


def _said(heard: Heard, problem: Problem | None) -> str:
    """Return status and words of a failure, in one line."""
    if problem is not None:
        return f"HTTP {heard.status}: {quoted(problem.message)}"
    kind = heard.headers.get("content-type", "").partition(";")[0] or "nothing"
    return f"HTTP {heard.status} with {kind}"


def _no_endpoint(place: Place, said: str) -> ModelError:
    return ModelError(
        f"{place.url} must be the base URL of an OpenAI-compatible endpoint, which usually ends in /v1, "
        f"got {said} from {place.url.rstrip('/')}/chat/completions"
    )


def quoted(text: str) -> str:
    """Return what an endpoint says in one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1] + "…"
