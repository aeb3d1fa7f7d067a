"""The exchange: a search by files is the search whose models answer at once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import FREE, Proposal
from evo.engine import Engine
from evo.events import Paused
from evo.fold import fold
from evo.journal import Journal, JournalReader
from evo.loop import Search
from evo.objective import Individual
from evo.protocols import Chronicle, Draft, Malformed
from evo.settings import Mode
from evo.task import Task
from experiments.batch import batch_of, read_results
from experiments.exchange import unused, write_requests
from operators.llm.completion import completion_in
from operators.llm.contract import Finish, Message, Provider, Reply, Request
from operators.llm.correspondence import Correspondence
from operators.llm.settings import ModelSettings
from operators.llm.waiting import NoReply, Result, Ticket, Waiting
from tests.evo.driving import ShuffledEvaluator, digest
from tests.experiments.commanding import quick_run, refused
from tests.standins import SyntheticEvaluator, SyntheticOperator, kernel_of, search_settings, synthetic_engine

MODEL = ModelSettings(name="m", dollars_in=1.0, dollars_out=2.0)
JUNK = ("junk", "{}", json.dumps({"custom_id": "kernevo-999-0-0123456789abcdef", "error": "unknown"}))
SECRET = "sk-never-to-be-seen"


class WritingOperator(SyntheticOperator):
    """Asks a model for a value, once more if the reply was cut off, and says what it made of it."""

    def __init__(self, provider: Provider, name: str = "write", arity: int = 1) -> None:
        super().__init__(name, arity)
        self._provider = provider
        self._chronicle: Chronicle | None = None

    def consult(self, chronicle: Chronicle) -> None:
        self._chronicle = chronicle

    async def propose(
        self, proposal: Proposal, parents: Sequence[Individual], task: Task
    ) -> Draft | Malformed:
        assert self._chronicle is not None
        chronicle = self._chronicle
        seen = len(chronicle.settled(proposal))
        text = f"{[each.candidate.summary for each in parents]} of {seen}, {proposal.key % 3}"
        messages: tuple[Message, ...] = (Message(role="user", content=text),)
        spend = FREE
        while True:
            request = Request(model="m", messages=messages, max_tokens=64)
            reply = await Correspondence(self._provider, chronicle).reply(request, proposal)
            spend += reply.spend
            if reply.finish is not Finish.LENGTH or len(messages) > 1:
                break
            messages += (Message(role="assistant", content=reply.text), Message(role="user", content="go on"))
        if reply.finish is Finish.FAILED:
            return Malformed(reply.reason, spend, request.digest)
        return Draft(kernel_of(int(reply.text, 16) % 40), f"{self.name} {reply.text}", spend, request.digest)


def said(ticket: Ticket, request: Request) -> dict[str, Any]:
    """Return what the model says to a request, as a line of results; it cannot be foreseen."""
    drawn = hashlib.sha256(f"{ticket}".encode()).digest()
    line: dict[str, Any] = {"id": "x", "custom_id": str(ticket), "response": None, "error": None}
    if drawn[0] < 32:
        return {**line, "error": {"code": "batch_expired", "message": "too late"}}
    if drawn[0] < 64:
        return {**line, "response": {"status_code": 500, "body": {"error": {"message": "overloaded"}}}}
    choice = {
        "message": {"content": drawn[1:4].hex()},
        "finish_reason": "length" if drawn[0] < 128 else "stop",
    }
    usage = {"prompt_tokens": len(request.body), "completion_tokens": drawn[4]}
    body = {"model": "m-1", "choices": [choice], "usage": usage}
    return {**line, "response": {"status_code": 200, "request_id": "r", "body": body}}


class Live:
    """Answers at once what the lines of results would say."""

    async def answer(self, request: Request, proposal: Proposal) -> Reply:
        ticket = Ticket.of(request, proposal)
        line = said(ticket, request)
        result: Result = NoReply("overloaded")
        if line["response"] and line["response"]["status_code"] == 200:
            result = completion_in(msgspec.json.encode(line["response"]["body"]))
        return await Waiting([MODEL], {ticket: result}).answer(request, proposal)

    def most(self, request: Request) -> Any:
        return Waiting([MODEL]).most(request)


def engine_of(provider: Provider, mode: Mode) -> Engine:
    made = (WritingOperator(provider), WritingOperator(provider, "merge", 2), SyntheticOperator(reach=20))
    return synthetic_engine(search_settings(mode=mode), operators={each.name: each for each in made})


def searched(path: Path, engine: Engine, rng: random.Random) -> str | Paused | None:
    with Journal(path) if path.exists() else Journal.create(path) as journal:
        for _ in fold(journal, engine):
            pass
        evaluator = ShuffledEvaluator(SyntheticEvaluator(), rng)
        return asyncio.run(Search(engine, evaluator, journal).run("settings"))


@pytest.mark.parametrize("mode", list(Mode))
@settings(max_examples=4, deadline=None)
@given(order=st.integers(0, 2**32), share=st.sampled_from([0.4, 0.7, 1.0]))
def test_a_search_by_files_comes_to_the_lineage_of_a_live_one(mode: Mode, order: int, share: float) -> None:
    rng = random.Random(order)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        engine, told = engine_of(desk := Waiting([MODEL]), mode), [*JUNK]
        ending = searched(folder / "run.sqlite", engine, rng)
        while isinstance(ending, Paused):
            assert ending.waiting == len(desk.awaited) == len(engine.pending)
            assert write_requests(desk, None, folder / "batch.jsonl") == ending.waiting
            told += answered(folder / "batch.jsonl", desk, share, rng)
            (folder / "replies.jsonl").write_text("\n".join(rng.sample(told, len(told))))
            results = read_results(folder / "replies.jsonl")
            assert len(results.faults) == 2
            engine = engine_of(desk := Waiting([MODEL], results.by_ticket), mode)
            ending = searched(folder / "run.sqlite", engine, rng)
            with JournalReader(folder / "run.sqlite") as reader:
                [unknown] = unused(results.lines, desk, reader, engine)
            assert unknown.rule.endswith("proposal 999 was not asked in this run")
        live = engine_of(Live(), mode)
        assert ending == searched(folder / "live.sqlite", live, rng) == "23 evaluations made"
    if mode is Mode.GENERATIONAL:
        assert digest(engine) == digest(live)
        assert (engine.spend.tokens_in, engine.spend.tokens_out) == (
            live.spend.tokens_in,
            live.spend.tokens_out,
        )
        assert engine.spend.dollars == pytest.approx(live.spend.dollars)
    assert engine.spend.dollars > 0


def answered(batch: Path, desk: Waiting, share: float, rng: random.Random) -> list[str]:
    """Return lines of results for a share of a batch's requests, one at least."""
    asked = [json.loads(line) for line in batch.read_text().splitlines()]
    assert [each["custom_id"] for each in asked] == [str(each) for each in sorted(desk.awaited)]
    chosen = [each for each in asked if rng.random() < share] or [rng.choice(asked)]
    tickets = {str(ticket): (ticket, request) for ticket, request in desk.awaited.items()}
    return [json.dumps(said(*tickets[each["custom_id"]])) for each in chosen]


def test_some_of_the_requests_are_those_of_the_first_proposals(tmp_path: Path) -> None:
    desk = Waiting([MODEL])
    ending = searched(tmp_path / "run.sqlite", engine_of(desk, Mode.STEADY), random.Random(1))
    assert ending == Paused(waiting=5)
    assert write_requests(desk, 2, tmp_path / "batch.jsonl") == 2
    first = dict(sorted(desk.awaited.items())[:2])
    assert (tmp_path / "batch.jsonl").read_text() == batch_of(first)
    assert write_requests(desk, 99, tmp_path / "batch.jsonl") == 5
    assert write_requests(Waiting(), None, tmp_path / "none.jsonl") == 0
    assert not (tmp_path / "none.jsonl").exists()


def test_replies_of_no_use_are_told_apart(tmp_path: Path) -> None:
    path, file = tmp_path / "run.sqlite", tmp_path / "replies.jsonl"
    searched(path, engine := engine_of(desk := Waiting([MODEL]), Mode.STEADY), random.Random(1))
    fresh, other, *_ = sorted(desk.awaited)
    rewritten = next(each for each in engine.individuals if each)
    idle = {
        msgspec.structs.replace(other, digest="0" * 16): "waits for a reply to another request",
        msgspec.structs.replace(other, attempt=1): "waits for a reply to another request",
        Ticket(0, 0, fresh.digest): "needs no reply any more",
        Ticket(rewritten, 0, fresh.digest): "needs no reply any more",
        Ticket(99, 0, fresh.digest): "was not asked in this run",
    }
    file.write_text("\n".join(json.dumps(_plain(ticket)) for ticket in (fresh, *idle)))
    results = read_results(file)
    engine = engine_of(desk := Waiting([MODEL], results.by_ticket), Mode.STEADY)
    searched(path, engine, random.Random(2))
    with JournalReader(path) as reader:
        faults = list(unused(results.lines, desk, reader, engine))
        again = list(unused(results.lines, Waiting([MODEL]), reader, engine))
    assert desk.taken == {fresh}
    assert [(fault.line, fault.rule) for fault in faults] == [
        (line, f"{ticket}: proposal {ticket.number} {why}")
        for line, (ticket, why) in enumerate(idle.items(), 2)
    ]
    assert [fault.line for fault in again] == [2, 3, 4, 5, 6], "what was kept before is no fault"
    assert again[0].rule.endswith(f"before proposal {other.number} had its turn: tell it again")


def _plain(ticket: Ticket) -> dict[str, Any]:
    body = {"choices": [{"message": {"content": "ff"}, "finish_reason": "stop"}]}
    return {"custom_id": str(ticket), "response": {"status_code": 200, "body": body}}


def test_no_key_comes_into_the_journal_or_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert os.environ["OPENAI_API_KEY"] == SECRET
    desk = Waiting([MODEL])
    searched(tmp_path / "run.sqlite", engine_of(desk, Mode.GENERATIONAL), random.Random(1))
    write_requests(desk, None, tmp_path / "batch.jsonl")
    searched(tmp_path / "live.sqlite", engine_of(Live(), Mode.GENERATIONAL), random.Random(1))
    seen = b"".join(path.read_bytes() for path in tmp_path.rglob("*"))
    assert b"go on" in seen
    assert SECRET.encode() not in seen


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return quick_run(tmp_path / "run")


def test_what_ask_and_tell_refuse_before_they_search(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, replies = tmp_path / "batch.jsonl", tmp_path / "replies.jsonl"
    before = sorted(tmp_path.iterdir())
    assert refused(["ask", run], capsys) == "Missing option '--out'."
    assert "0 is not in the range" in refused(["ask", run, "--out", out, "--count", "0"], capsys)
    for place in (tmp_path, tmp_path / "none" / "batch.jsonl"):
        assert "--out must be a file in a folder" in refused(["ask", run, "--out", place], capsys)
    assert "operators that ask models" in refused(["ask", run, "--out", out], capsys)
    assert "cannot be read" in refused(["tell", run, replies], capsys)
    assert sorted(tmp_path.iterdir()) == before
    for content, rule in (("", "line 1: a line must be"), ("\n\nno", "line 3: a line must be one result")):
        replies.write_text(content)
        assert rule in refused(["tell", run, replies], capsys)
    replies.write_text(json.dumps(_plain(Ticket(1, 0, "0" * 16))))
    assert "operators that ask models" in refused(["tell", run, replies], capsys)
    for command in (["ask", tmp_path / "no", "--out", out], ["tell", tmp_path / "no", replies]):
        assert "no is nothing" in refused(command, capsys)
