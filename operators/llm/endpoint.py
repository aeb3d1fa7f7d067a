"""Endpoint: has requests answered by an OpenAI-compatible endpoint, with patience that ends."""

from __future__ import annotations

import asyncio
import logging

from evo.candidate import FREE, Proposal, Spend
from evo.errors import ModelError
from operators.llm.client import Client, Heard, Lost
from operators.llm.clock import Clock
from operators.llm.completion import Completion, problem_in
from operators.llm.contract import Finish, Reply, Request
from operators.llm.dialect import Dialect
from operators.llm.prices import is_counted, most_of, spend_of
from operators.llm.settings import LlmSettings, ModelSettings
from operators.llm.verdicts import THIS_REQUEST, Again, Declined, Place, Verdict, verdict
from operators.llm.waits import wait_after

PAID_TRIES = 2
"""Tries of a call that a model may have worked on: a reply lost on the way is asked for once more. Tries that
were turned away cost nothing, and only the deadline bounds them."""

FIRST_TRIES = 3
"""Tries to connect before anything was ever heard: then it is the address that is wrong, not the moment."""

SILENT_CALLS = 3
"""Calls of a model in a row without any reply that are an outage. Each of them was tried until its deadline
or for `PAID_TRIES`, so that hardly three by chance follow one another, and an outage costs two proposals."""

LEAST_SECONDS = 1.0
"""What must be left until the deadline for another try: a shorter one would be paid for and bring nothing."""

_log = logging.getLogger(__name__)


class EndpointProvider:
    """Asks an endpoint, several requests at once, and again where that may help."""

    def __init__(self, client: Client, settings: LlmSettings, clock: Clock | None = None) -> None:
        """Ask through a client, as the settings say; the caller closes the provider."""
        self._client = client
        self._settings = settings
        self._clock = clock or Clock()
        self._prices = {model.name: model for model in settings.models}
        self._free = asyncio.Semaphore(settings.calls_in_flight)
        self._dialects: dict[str, Dialect] = {}
        self._silent: dict[str, int] = {}
        self._uncounted: set[str] = set()
        self._contacted = False

    async def answer(self, request: Request, proposal: Proposal) -> Reply:
        """Return the reply; one that FAILED if none came within the deadline or the tries that may be paid.

        The deadline begins once the request has its turn. Whoever is cancelled leaves nothing behind.

        Raises:
            ModelError: the endpoint refuses us, or calls in a row were without any reply.
        """
        async with self._free:
            await self._client.open()
            call = _Call(request, self._clock, self._prices.get(request.model))
            while True:
                outcome = await self._try(call)
                if not isinstance(outcome, Again):
                    return self._ended(call, outcome)
                wait = wait_after(call.tries, proposal.key, outcome.after)
                if call.paid < PAID_TRIES and wait + LEAST_SECONDS < self._left(call):
                    await self._clock.sleep(wait)
                    if self._left(call) > 0:  # a machine that sleeps may oversleep
                        continue
                return self._failed(call, outcome)

    def most(self, request: Request) -> Spend:
        """Return the most that the answer may cost, all tries included."""
        return most_of(request, self._prices.get(request.model)) * PAID_TRIES

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _try(self, call: _Call) -> Verdict:
        """Ask once, or more often if the endpoint wants the request told in another way."""
        call.tries += 1
        model = call.request.model
        dialect = self._dialects.get(model, Dialect())
        limit = max(min(self._settings.try_seconds, self._left(call)), 0.0)
        try:
            async with self._clock.limit(limit):
                heard = await self._client.post(dialect.fields(call.request))
        except TimeoutError:
            return call.again(Again(reason=f"no answer within {limit:.3g} s", paid=True))
        except Lost as lost:
            return call.again(self._unheard(lost, call))
        self._contacted = True
        corrected = _corrected(dialect, heard)
        if corrected != dialect:
            self._dialects[model] = corrected
            return await self._try(call)
        outcome = verdict(heard, Place(model, self._client.url), self._clock.date())
        return call.again(outcome) if isinstance(outcome, Again) else outcome

    def _unheard(self, lost: Lost, call: _Call) -> Again:
        """Return what follows from a request that was not answered."""
        if not lost.reached and not self._contacted and call.tries >= FIRST_TRIES:
            place = Place(call.request.model, self._client.url)
            raise ModelError(f"{place} must be within reach, got {lost} in {call.tries} tries")
        return Again(reason=str(lost), paid=lost.reached)

    def _ended(self, call: _Call, outcome: Completion | Declined) -> Reply:
        """Return the reply that an outcome is."""
        model = call.request.model
        if isinstance(outcome, Declined):
            if not outcome.filtered:
                self._count_silent(model, outcome.reason)
            return call.reply("", Finish.REFUSED, outcome.reason)
        self._silent[model] = 0
        if not is_counted(outcome) and model not in self._uncounted:
            self._uncounted.add(model)
            _log.warning("model %s does not say what it reads and writes: tokens are estimated", model)
        call.pay(outcome)
        refusal = outcome.refusal
        match outcome.finish:
            case Finish.LENGTH:
                reason = f"the reply was cut off at {call.request.max_tokens} tokens"
            case Finish.REFUSED:
                reason = (
                    f"the model would not answer: {refusal}" if refusal else "a content filter stopped it"
                )
            case _:
                reason = ""
        return call.reply(outcome.text or refusal, outcome.finish, reason, outcome.model or "")

    def _failed(self, call: _Call, last: Again) -> Reply:
        """Return the reply that says that none came."""
        reason = f"no reply in {call.tries} tries over {call.seconds:.0f} s: {last.reason}"
        self._count_silent(call.request.model, reason)
        return call.reply("", Finish.FAILED, reason)

    def _count_silent(self, model: str, reason: str) -> None:
        self._silent[model] = self._silent.get(model, 0) + 1
        if self._silent[model] >= SILENT_CALLS:
            place = Place(model, self._client.url)
            raise ModelError(f"{place} gave no reply to {SILENT_CALLS} calls in a row; the last: {reason}")

    def _left(self, call: _Call) -> float:
        return self._settings.deadline_seconds - call.seconds


class _Call:
    """A request on its way.

    Attributes:
        tries: how often it was sent.
        paid: how often a model may have worked on it in vain.
    """

    def __init__(self, request: Request, clock: Clock, prices: ModelSettings | None) -> None:
        self.request = request
        self.tries = 0
        self.paid = 0
        self._spend = FREE
        self._clock, self._begun = clock, clock.now()
        self._prices = prices

    @property
    def seconds(self) -> float:
        """Seconds since the call began."""
        return self._clock.now() - self._begun

    def again(self, outcome: Again) -> Again:
        """Take note of a try that failed, and of what it cost as far as that was told."""
        self.paid += outcome.paid
        if outcome.completion is not None and is_counted(outcome.completion):
            self.pay(outcome.completion)
        return outcome

    def pay(self, completion: Completion) -> None:
        """Take note of what a completion cost."""
        self._spend += spend_of(completion, self.request, self._prices)

    def reply(self, text: str, finish: Finish, reason: str, model: str = "") -> Reply:
        """Return what came of the call in the end."""
        return Reply(
            text=text, finish=finish, reason=reason, model=model, spend=self._spend, tries=self.tries,
            seconds=self.seconds,
        )  # fmt: skip


def _corrected(dialect: Dialect, heard: Heard) -> Dialect:
    """Return the dialect that the endpoint asks for, if it asks for another."""
    return dialect.corrected(problem_in(heard.body)) if heard.status in THIS_REQUEST else dialect
