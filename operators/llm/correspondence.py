"""Correspondence: requests are sent once; a reply is kept before it is used, and found again after that."""

from __future__ import annotations

import msgspec

from evo.candidate import Proposal
from evo.protocols import Chronicle
from operators.llm.contract import Provider, Reply, Request


class Correspondence:
    """The exchange of a run with its models, shared by all operators that ask them."""

    def __init__(self, provider: Provider, chronicle: Chronicle) -> None:
        """Ask a provider, and keep what it says in a chronicle."""
        self._provider = provider
        self._chronicle = chronicle

    async def reply(self, request: Request, proposal: Proposal) -> Reply:
        """Return the reply that was kept for this request of this proposal, or else a new one, kept.

        Raises:
            Unanswered: none comes in this session.
            ModelError: the endpoint refuses us, or is out of reach for long.
            JournalError: the reply cannot be kept.
        """
        body = request.body
        kept = self._chronicle.reply(proposal, body)
        if kept is not None:
            return msgspec.json.decode(kept, type=Reply)
        reply = await self._provider.answer(request, proposal)
        self._chronicle.keep(proposal, body, reply.body, reply.paid)
        return reply
