"""A search whose kernels a simulated endpoint writes: all is real but model, GPU and the clock's speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from evo.candidate import Kernel, Proposal, Spend
from evo.engine import Engine
from evo.evaluation import Evaluation
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.objective import Individual
from evo.protocols import Chronicle, Draft, Malformed
from evo.records import Called
from evo.settings import Mode, SearchSettings
from evo.task import Task
from experiments.bench.endpoint import Endpoint, Received
from experiments.bench.engine import DEVICE, NullEvaluator, NullPortfolio, null_engine
from operators.llm.client import Client
from operators.llm.clock import Clock
from operators.llm.contract import Finish, Message, Reply, Request
from operators.llm.correspondence import Correspondence
from operators.llm.endpoint import EndpointProvider
from operators.llm.environment import NO_KEY
from operators.llm.settings import LlmSettings, ModelSettings

MODEL = ModelSettings(name="simulated", dollars_in=1.0, dollars_out=4.0)


class AskingOperator:
    """Asks for a kernel and takes the reply for one; its prompt holds the proposal's number."""

    name = "ask"
    arity = 1

    def __init__(self, provider: EndpointProvider) -> None:
        """Ask through a provider."""
        self._provider = provider
        self._correspondence: Correspondence | None = None

    @property
    def most(self) -> Spend:
        """The most that one answer may cost."""
        return self._provider.most(_request(10**9))

    def consult(self, chronicle: Chronicle) -> None:
        """Keep replies in the run's chronicle."""
        self._correspondence = Correspondence(self._provider, chronicle)

    def applies(self, parents: Sequence[Individual], task: Task) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    async def propose(
        self,
        proposal: Proposal,
        parents: Sequence[Individual],  # noqa: ARG002
        task: Task,  # noqa: ARG002
    ) -> Draft | Malformed:
        """Return the kernel that the reply is."""
        assert self._correspondence is not None, "the search tells operators of the chronicle"
        request = _request(proposal.number)
        reply = await self._correspondence.reply(request, proposal)
        if reply.finish is not Finish.STOP:
            return Malformed(reply.reason, reply.spend, request.digest)
        return Draft(Kernel(reply.text), "as the model says", reply.spend, request.digest)


class SlowEvaluator(NullEvaluator):
    """Takes its time by a clock.

    Attributes:
        spans: when each evaluation began and ended, in seconds of the clock.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        """Take so many seconds of the clock for an evaluation."""
        self.spans: list[tuple[float, float]] = []
        self._clock = clock
        self._seconds = seconds

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict after a while."""
        begun = self._clock.now()
        await self._clock.sleep(self._seconds)
        self.spans.append((begun, self._clock.now()))
        return await super().evaluate(kernel, task)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A search that ended.

    Attributes:
        engine: with all that was told.
        called: every reply in the journal, with its record.
        received: every request that came to the endpoint.
        seconds: that the search took, by the clock.
    """

    engine: Engine
    called: tuple[tuple[Called, Reply], ...]
    received: tuple[Received, ...]
    seconds: float


async def searched(
    endpoint: Endpoint,
    evaluator: NullEvaluator,
    clock: Clock,
    path: Path,
    search: SearchSettings,
    llm: LlmSettings,
) -> Asked:
    """Search with an endpoint that is open, and return how it went."""
    client = Client(endpoint.url, NO_KEY)
    await client.open()  # the package takes a second to import, which is not the search's
    provider = EndpointProvider(client, llm, clock)
    operator = AskingOperator(provider)
    task = null_engine(Mode.STEADY, 1).task
    engine = Engine(task, search, {operator.name: operator}, NullPortfolio(), evaluator.source, DEVICE)
    begun = clock.now()
    try:
        with Journal.create(path) as journal:
            await Search(engine, evaluator, journal).run("bench")
    finally:
        await provider.aclose()
    seconds = clock.now() - begun
    return Asked(engine=engine, called=_called(path), received=tuple(endpoint.received), seconds=seconds)


def number_in(received: Received) -> int:
    """Return the number of the proposal that a request is for."""
    return int(received.prompt.rpartition(" ")[2])


def _request(number: int) -> Request:
    message = Message("user", f"write the kernel of proposal {number}")
    return Request(model=MODEL.name, messages=(message,), max_tokens=1_000)


def _called(path: Path) -> tuple[tuple[Called, Reply], ...]:
    with JournalReader(path) as journal:
        records = [entry.record for entry in journal.entries() if isinstance(entry.record, Called)]
        return tuple((each, msgspec.json.decode(journal.blob(each.reply), type=Reply)) for each in records)
