"""Searches whose operator asks a model, as far as a journal shows."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from evo.budget import Budget
from evo.candidate import Kernel, Proposal, Spend
from evo.engine import Engine
from evo.events import Event
from evo.fold import fold
from evo.journal import Journal
from evo.loop import Search
from evo.objective import Individual
from evo.protocols import Draft, Malformed, Tracker
from evo.records import Called
from evo.settings import SearchSettings
from evo.task import Task
from operators.llm.contract import Finish, Message, Reply, Request
from tests.standins import (
    RecordingTracker,
    SyntheticEvaluator,
    SyntheticOperator,
    search_settings,
    synthetic_engine,
)

HOME = "/home/somebody"
KEY = "sk-nobody-may-see-this-key"


class AskingOperator(SyntheticOperator):
    """Keeps in the journal what it asked and what was answered; the text in both has a path of a home."""

    def __init__(self, journal: Journal) -> None:
        super().__init__("ask")
        self._journal = journal

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        messages = (Message("system", "be quick"), Message("user", f"{HOME}/k.py: raise {proposal.number} é"))
        request = Request(model="asked-for", messages=messages, max_tokens=100)
        cut_off = proposal.number % 5 == 0
        spend = Spend(tokens_in=100, tokens_out=proposal.number, dollars=0.1)
        reply = Reply(
            text=f"see {HOME}/k.py", model="answered", spend=spend, seconds=2.5,
            finish=Finish.LENGTH if cut_off else Finish.STOP, reason="cut off" if cut_off else "",
        )  # fmt: skip
        called = Called(
            number=proposal.number, attempt=proposal.attempt, request=request.digest,
            reply=hashlib.sha256(reply.body).hexdigest(), spend=spend,
        )  # fmt: skip
        self._journal.append(called, request.body, reply.body)
        made = await super().propose(proposal, parents, task)
        if isinstance(made, Draft):
            source = f"{made.kernel.source}# made by {proposal.number}\n"
            made = msgspec.structs.replace(made, kernel=Kernel(source))
        return msgspec.structs.replace(made, spend=spend, request=request.digest)


def asked_engine(journal: Journal, settings: SearchSettings) -> Engine:
    return synthetic_engine(
        settings, operators={"ask": AskingOperator(journal), "step": SyntheticOperator(reach=9)}
    )


def asking(
    folder: Path, *trackers: Tracker, sessions: Sequence[int] = (23,), **changes: object
) -> list[Event]:
    """Search in so many sessions, each up to so many evaluations, and return all that trackers heard."""
    recording = RecordingTracker()
    path = folder / "run.sqlite"
    for evaluations in sessions:
        with Journal(path) if path.exists() else Journal.create(path) as journal:
            engine = asked_engine(
                journal, search_settings(**{**changes, "budget": Budget(evaluations=evaluations)})
            )
            for _ in fold(journal, engine):
                pass
            search = Search(engine, SyntheticEvaluator(), journal, [recording, *trackers])
            asyncio.run(search.run("settings"))
    return recording.events
