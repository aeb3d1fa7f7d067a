"""Waiting: a provider that gives the replies that came in, and notes the requests that still wait for one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from evo.candidate import Proposal, Spend
from evo.errors import Unanswered
from operators.llm.completion import Completion
from operators.llm.contract import Finish, Reply, Request
from operators.llm.prices import most_of, spend_of
from operators.llm.settings import ModelSettings

DIGITS = 16
"""Hex digits of a request's digest that its ticket bears."""


class Ticket(msgspec.Struct, frozen=True, order=True):
    """What a request goes by outside of a run: its proposal, and enough of its digest to tell it from others.

    Attributes:
        number, attempt: of the proposal.
        digest: the first hex digits of the request's digest.
    """

    number: int
    attempt: int
    digest: str

    def __str__(self) -> str:
        return f"kernevo-{self.number}-{self.attempt}-{self.digest}"

    @classmethod
    def of(cls, request: Request, proposal: Proposal) -> Ticket:
        """Return the ticket of a request."""
        return cls(proposal.number, proposal.attempt, request.digest[:DIGITS])

    @classmethod
    def read(cls, text: str) -> Ticket | None:
        """Return the ticket that a text is; None if it is none."""
        found = re.fullmatch(
            rf"kernevo-(0|[1-9]\d{{0,17}})-(0|[1-9]\d{{0,17}})-([0-9a-f]{{{DIGITS}}})", text, re.ASCII
        )
        return found and cls(int(found[1]), int(found[2]), found[3])


class NoReply(msgspec.Struct, frozen=True):
    """What came in a reply's place, and why."""

    reason: str


Result = Completion | NoReply
"""What came in for a request."""


class Waiting:
    """Gives the replies that came in, each as often as it is asked for.

    Attributes:
        taken: tickets of the requests that were answered.
        awaited: the requests that were not, by their tickets.
    """

    def __init__(
        self, models: Sequence[ModelSettings] = (), results: Mapping[Ticket, Result] | None = None
    ) -> None:
        """Take the models, for what they cost, and what came in; nothing if nobody was asked yet."""
        self.taken: set[Ticket] = set()
        self.awaited: dict[Ticket, Request] = {}
        self._prices = {model.name: model for model in models}
        self._results = dict(results or {})

    async def answer(self, request: Request, proposal: Proposal) -> Reply:
        """Return the reply that came in for the request of this proposal, which may say that there is none.

        Raises:
            Unanswered: nothing came in.
        """
        ticket = Ticket.of(request, proposal)
        if ticket not in self._results:
            self.awaited[ticket] = request
            raise Unanswered(f"no reply has come in for {ticket}")
        self.taken.add(ticket)
        result = self._results[ticket]
        if isinstance(result, NoReply):
            return Reply(text="", finish=Finish.FAILED, reason=result.reason)
        return self._reply(result, request)

    def most(self, request: Request) -> Spend:
        """Return the most that the answer may cost: a batch asks once."""
        return most_of(request, self._prices.get(request.model))

    def _reply(self, completion: Completion, request: Request) -> Reply:
        """Return the reply that a completion is; one without words has FAILED."""
        text = completion.text or completion.refusal
        finish = completion.finish if completion.choices else Finish.FAILED
        if finish is Finish.STOP and not text:
            finish = Finish.FAILED
        reasons = {
            Finish.STOP: "",
            Finish.LENGTH: f"the reply was cut off at {request.max_tokens} tokens",
            Finish.REFUSED: completion.refusal or "a content filter stopped it",
            Finish.FAILED: "a completion without words",
        }
        return Reply(
            text=text, finish=finish, reason=reasons[finish], model=completion.model or "",
            spend=spend_of(completion, request, self._prices.get(request.model)),
        )  # fmt: skip
