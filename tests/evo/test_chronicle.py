"""The chronicle: replies are kept before they are used, found again, and paid for once."""

from __future__ import annotations

import hashlib
import itertools
import random
import sqlite3
from collections import Counter
from contextlib import closing

import pytest

from evo.budget import Budget
from evo.candidate import FREE, Candidate, Proposal
from evo.chronicle import JournalChronicle
from evo.errors import JournalError, RunFailure
from evo.events import Settled
from evo.fold import fold
from evo.journal import Journal, JournalReader
from evo.records import Called, Evaluated
from evo.replay import recorded_engine, replay
from evo.settings import Mode
from tests.evo.asking import COST, Desk, asking_engine
from tests.evo.driving import ShuffledEvaluator, digest, session
from tests.standins import RecordingTracker, SyntheticEvaluator, kernel_of, synthetic_engine, verdict


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


def proposal(number: int = 3, attempt: int = 0) -> Proposal:
    return Proposal(number=number, operator="ask", parents=(0,), generation=1, key=number, attempt=attempt)


def test_replies_are_found_by_proposal_attempt_and_request(path):
    places = itertools.product((0, 3, 2**40), (0, 2), (b"", b"a", b"\0" * 100_000))
    kept = {(number, attempt, request): b"%d %d " % (number, attempt) + request
            for number, attempt, request in places}  # fmt: skip
    with Journal.create(path) as journal:
        chronicle = JournalChronicle(journal, synthetic_engine())
        for (number, attempt, request), reply in kept.items():
            assert chronicle.reply(proposal(number, attempt), request) is None
            chronicle.keep(proposal(number, attempt), request, reply, COST)
    with JournalReader(path) as reader:
        chronicle = JournalChronicle(reader, synthetic_engine())
        for (number, attempt, request), reply in kept.items():
            assert chronicle.reply(proposal(number, attempt), request) == reply
        assert chronicle.reply(proposal(3, 1), b"a") is chronicle.reply(proposal(), b"b") is None
        first = reader.called(3)[0]
        assert first == Called(
            number=3, attempt=0, request=hashlib.sha256(b"").hexdigest(),
            reply=hashlib.sha256(b"3 0 ").hexdigest(), spend=COST,
        )  # fmt: skip
        assert reader.blob(first.request) == b""
        with pytest.raises(JournalError, match="got one to read"):
            chronicle.keep(proposal(), b"new", b"reply", COST)


def test_a_reply_is_kept_once_and_the_first_stays(path):
    with Journal.create(path) as journal:
        engine = synthetic_engine()
        chronicle = JournalChronicle(journal, engine)
        chronicle.keep(proposal(), b"request", b"first", COST)
        with pytest.raises(JournalError, match="UNIQUE"):
            chronicle.keep(proposal(), b"request", b"second", COST)
        assert chronicle.reply(proposal(), b"request") == b"first"
        assert engine.spend == COST
        with pytest.raises(JournalError, match="every blob"):
            journal.blob(hashlib.sha256(b"second").hexdigest())


def test_a_journal_of_before_is_read_and_gets_its_index(path):
    session(path)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DROP INDEX called_once")
    with JournalReader(path) as reader:
        assert JournalChronicle(reader, synthetic_engine()).reply(proposal(), b"request") is None
    with Journal(path) as journal:
        chronicle = JournalChronicle(journal, synthetic_engine())
        chronicle.keep(proposal(), b"request", b"reply", COST)
        with pytest.raises(JournalError, match="UNIQUE"):
            chronicle.keep(proposal(), b"request", b"reply", COST)


def test_a_reply_that_the_journal_lacks_is_told(path):
    with Journal.create(path) as journal:
        JournalChronicle(journal, synthetic_engine()).keep(proposal(), b"request", b"reply", COST)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM blobs WHERE data = ?", (b"reply",))
    with JournalReader(path) as reader, pytest.raises(JournalError, match="every blob"):
        JournalChronicle(reader, synthetic_engine()).reply(proposal(), b"request")


class Dying(SyntheticEvaluator):
    """Lets the room fail at its n-th evaluation."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    async def evaluate(self, kernel, task):
        if len(self.asked) == self._at:
            raise RunFailure("the room is gone")
        return await super().evaluate(kernel, task)


@pytest.mark.parametrize("mode", list(Mode))
def test_no_reply_is_paid_twice_however_often_the_session_ends(path, mode):
    straight_desk, desk = Desk(), Desk()
    straight, reason = session(
        path.with_name("straight.sqlite"), engine=asking_engine(straight_desk, mode=mode)
    )
    for at in (1, 2, 4, 5):
        dying = ShuffledEvaluator(Dying(at), random.Random(at))
        with pytest.raises(RunFailure):
            session(path, engine=asking_engine(desk, mode=mode), evaluator=dying)
    engine, again = session(path, engine=asking_engine(desk, mode=mode))
    assert again == reason == "23 evaluations made"
    assert set(Counter(desk.answered).values()) == {1}
    assert engine.spend == sum((COST for _ in desk.answered), start=FREE)
    if mode is Mode.GENERATIONAL:
        assert digest(engine) == digest(straight)
        assert sorted(desk.answered) == sorted(straight_desk.answered)
        assert engine.spend == straight.spend


@pytest.mark.parametrize("mode", list(Mode))
def test_the_fold_the_replay_and_the_readers_pass_over_replies(path, mode):
    tracker = RecordingTracker()
    engine, reason = session(path, engine=asking_engine(Desk(), mode=mode), trackers=[tracker])
    with JournalReader(path) as reader:
        folded, recorded = asking_engine(Desk(), mode=mode), recorded_engine(reader)
        assert (
            repr(list(fold(reader, folded))) == repr(list(replay(reader, recorded))) == repr(tracker.events)
        )
        assert reader.last().record.reason == reason
        records = [entry.record for entry in reader.entries()]
    assert folded.spend == recorded.spend == engine.spend
    called = [record for record in records if isinstance(record, Called)]
    told = {record.number: record.spend for record in records if isinstance(record, Evaluated)}
    assert sum(told.values(), start=FREE) == sum((each.spend for each in called), start=FREE) == engine.spend
    settled = [event for event in tracker.events if isinstance(event, Settled)]
    assert any(event.individual.candidate.request for event in settled)


def answered(engine, proposal):
    kernel = kernel_of(10 + proposal.number)
    return Candidate(proposal=proposal, kernel=kernel), verdict(kernel)


def test_what_is_settled_later_is_not_told_of_a_proposal_that_was_asked_before():
    engine = asking_engine(Desk(), mode=Mode.STEADY)
    engine.tell(*answered(engine, engine.ask()))
    first, second = engine.ask(), engine.ask()
    engine.tell(*answered(engine, second))
    third = engine.ask()
    assert dict(engine.settled(first)) == {0: engine.individuals[0]}
    assert list(engine.settled(third)) == [0, second.number]
    with pytest.raises(KeyError):
        engine.settled(first)[second.number]
    with pytest.raises(KeyError):
        engine.settled(second)


def test_money_for_replies_whose_candidate_never_came_stays_spent(path):
    """A session that ends with replies kept and nothing told of them: the next one has that much less."""
    budget = Budget(evaluations=23, tokens=42 * 9)
    desk = Desk()
    with pytest.raises(RunFailure):
        session(path, engine=asking_engine(desk, budget=budget, redraws=0), evaluator=Dying(1))
    paid = sum((COST for _ in desk.answered), start=FREE)
    assert paid != FREE
    resumed = asking_engine(desk, budget=budget, redraws=0)
    with JournalReader(path) as reader:
        list(fold(reader, resumed))
        recorded = recorded_engine(reader)
        list(replay(reader, recorded))
    assert resumed.told == 1
    assert resumed.spend == recorded.spend == paid
    engine, reason = session(path, engine=asking_engine(desk, budget=budget, redraws=0))
    assert engine.spend == sum((COST for _ in desk.answered), start=FREE)
    assert engine.spend.tokens <= 42 * 9
    assert "of 378 tokens spent" in reason


def test_replies_that_the_operator_makes_no_use_of_count_for_its_candidate(path):
    """As when a session asks another way than the one before it: both were paid for."""
    with Journal.create(path) as journal:
        engine = asking_engine(Desk())
        list(fold(journal, engine))
        chronicle = JournalChronicle(journal, engine)
        chronicle.keep(proposal(1), b"asked in another way", b"reply", COST)
        chronicle.keep(proposal(1), b"and again", b"reply", COST)
    engine, _ = session(path, engine=asking_engine(desk := Desk()))
    assert engine.spend == sum((COST for _ in desk.answered), start=COST * 2)
    with JournalReader(path) as reader:
        folded = asking_engine(Desk())
        list(fold(reader, folded))
        assert folded.spend == engine.spend
