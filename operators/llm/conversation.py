"""Conversation: one question to a model, and as many corrections as it takes or is allowed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from evo.candidate import FREE, ONE_CALL, Kernel, Proposal, Spend
from evo.making import writable
from evo.protocols import Draft, Malformed
from evo.syntax import syntax_digest
from operators.llm.contract import Finish, Message, Provider, Reply, Request
from operators.llm.correspondence import Correspondence
from operators.llm.replies import Answer, Unusable, read_reply
from operators.llm.settings import ModelSettings
from operators.llm.telling import clipped
from operators.llm.templates import Templates

LONGEST_SYSTEM, LONGEST_PROMPT, LONGEST_REPLY, LONGEST_CORRECTION = 3_000, 32_000, 12_000, 1_000
"""Bytes, as JSON has them, of what a request may hold of each. Budgets hold back what they may cost."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked for one proposal.

    Attributes:
        system, prompt: the two messages that a conversation begins with.
        entry_point: the function that the module must define.
        base: the source that search and replace blocks are about; None where a whole module is due.
        twin: says by its syntax digest what a kernel is called that may not come back; None of a new one.
        label: what the summary begins with.
        fallback: what the summary says where no strategy was named.
    """

    system: str
    prompt: str
    entry_point: str
    base: str | None
    twin: Callable[[str], str | None]
    label: str
    fallback: str


class Conversation:
    """Asks one model about one proposal until a reply holds a kernel, or all corrections are used."""

    def __init__(
        self, correspondence: Correspondence, templates: Templates, model: ModelSettings, corrections: int
    ) -> None:
        """Take the exchange, the templates, the model to ask and how often a reply may be sent back."""
        self._correspondence = correspondence
        self._templates = templates
        self._model = model
        self._corrections = corrections

    async def draft(self, proposal: Proposal, question: Question) -> Draft | Malformed:
        """Return the kernel that the model wrote, or why it wrote none.

        Raises:
            Unanswered: a reply does not come in this session.
            ModelError: the endpoint refuses us, or is out of reach for long.
            JournalError: a reply cannot be kept.
        """
        messages: tuple[Message, ...] = (
            Message(role="system", content=question.system),
            Message(role="user", content=question.prompt),
        )
        spend = FREE
        while True:
            request = request_of(self._model, messages)
            reply = await self._correspondence.reply(request, proposal)
            spend += reply.paid
            answer = _understood(reply, question, self._model.max_tokens)
            if isinstance(answer, Answer):
                summary = f"{question.label}: {answer.strategy or question.fallback}"
                return Draft(Kernel(answer.source), summary, spend, request.digest)
            corrected = (len(messages) - 2) // 2
            if corrected >= self._corrections or reply.finish in (Finish.FAILED, Finish.REFUSED):
                return Malformed(f"{question.label}: {answer.reason}", spend, request.digest)
            reason = clipped(answer.reason, LONGEST_CORRECTION // 4)
            messages += (
                Message(role="assistant", content=fitted(reply.text, LONGEST_REPLY) or "(nothing)"),
                Message(role="user", content=self._templates.render("correct", {"reason": reason})),
            )


def most(provider: Provider, model: ModelSettings, corrections: int) -> Spend:
    """Return the most that a conversation may cost."""
    messages = [_filled("system", LONGEST_SYSTEM), _filled("user", LONGEST_PROMPT)]
    total = FREE
    for _ in range(1 + corrections):
        total += provider.most(request_of(model, tuple(messages))) + ONE_CALL
        messages += [_filled("assistant", LONGEST_REPLY), _filled("user", LONGEST_CORRECTION)]
    return total


def request_of(model: ModelSettings, messages: tuple[Message, ...]) -> Request:
    """Return the request to a model for the next message of a conversation."""
    return Request(
        model=model.name, messages=messages, max_tokens=model.max_tokens, temperature=model.temperature
    )


def size(text: str) -> int:
    """Return how many bytes a text takes in a request."""
    return len(msgspec.json.encode(text))


def fitted(text: str, most: int) -> str:
    """Return a text of at most so many bytes, its middle left out if it has more."""
    plain, allowed = writable(text).strip(), most
    while size(fit := clipped(plain, allowed)) > most:
        allowed = allowed * 3 // 4
    return fit


def _filled(role: str, length: int) -> Message:
    """Return a message of so many bytes, quotes included."""
    return msgspec.convert({"role": role, "content": "x" * (length - 2)}, Message)


def _understood(reply: Reply, question: Question, max_tokens: int) -> Answer | Unusable:
    """Return the kernel of a reply if it is a new one, else why not."""
    if reply.finish in (Finish.FAILED, Finish.REFUSED):
        return Unusable(reply.reason or f"the model's reply {reply.finish}")
    cut_off = f"the reply was cut off after {max_tokens} tokens" if reply.finish is Finish.LENGTH else ""
    answer = read_reply(reply.text, question.entry_point, question.base, cut_off)
    if isinstance(answer, Answer):
        twin = question.twin(syntax_digest(answer.source))
        if twin is not None:
            return Unusable(f"the kernel is {twin} again, comments, layout and local names aside")
    return answer
