"""The benchmarks of what models cost in time and calls: small ones run, and what they count is what is so."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from evo.settings import Mode
from experiments.bench import faults, overlap
from experiments.bench.asking import Asked
from experiments.bench.endpoint import Received
from operators.llm.contract import Finish

CANDIDATES = 30


@pytest.fixture(scope="module")
def faced(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    path = tmp_path_factory.mktemp("faced") / "run.sqlite"
    asked, sent = asyncio.run(faults.faced((0.9, 0.4), CANDIDATES, path, speed=40.0, patience=100.0))
    assert asked.engine.told == CANDIDATES
    assert sent["reply"] < CANDIDATES - 1 < sent.total() == len(asked.received)
    return asked


def test_every_call_of_a_search_that_meets_faults_is_accounted_for(faced):
    told = faults.account(faced)
    faults.check(told, CANDIDATES)
    assert told["requests"] > told["calls"] == CANDIDATES - 1
    assert told["replies_sent"] + told["replies_that_failed"] == CANDIDATES - 1


def test_replies_end_up_with_the_proposal_that_they_were_for(faced):
    for record, reply in faced.called:
        assert reply.finish is Finish.FAILED or reply.text == f"kernel = {record.number}\n"


def altered(asked: Asked, **changes: object) -> dict[str, int]:
    return faults.account(msgspec.structs.replace(asked, **changes))


def answered(asked: Asked) -> Received:
    return next(each for each in asked.received if each.sent and b'"kernel = ' in each.answer.body)


def test_the_account_sees_what_is_lost_doubled_or_made_up(faced):
    number = faults.number_in(answered(faced))
    without = tuple(each for each in faced.called if each[0].number != number)
    lost = altered(faced, called=without)
    assert (lost["calls_lost"], lost["replies_lost"], lost["tries_miscounted"]) == (1, 1, 1)
    assert lost["tokens_journalled"] < lost["tokens_sent"]
    twice = altered(faced, called=faced.called + faced.called[:1])
    assert twice["calls_doubled"] == 1
    again = altered(faced, received=(*faced.received, answered(faced)))
    assert (again["replies_doubled"], again["replies_lost"], again["tries_miscounted"]) == (1, 1, 1)
    unasked = altered(faced, received=tuple(each for each in faced.received if each is not answered(faced)))
    assert unasked["replies_nobody_sent"] == 1
    for told in (lost, twice, again, unasked):
        with pytest.raises(AssertionError):
            faults.check(told, CANDIDATES)


def test_idle_time_is_what_lies_between_evaluations():
    busy = [(2.0 * each, 2.0 * each + 2) for each in range(101)]
    half = [(4.0 * each, 4.0 * each + 2) for each in range(101)]
    assert overlap.idle_share(busy) == pytest.approx(0)
    assert overlap.idle_share(half) == pytest.approx(0.5)
    warming = [(0.0, 2.0), *((100 + 2.0 * each, 102 + 2.0 * each) for each in range(1, 101))]
    assert overlap.idle_share(warming) == pytest.approx(0)


def test_a_small_search_is_measured(tmp_path):
    way = overlap.Way(Mode.STEADY, 8, 11)
    told = asyncio.run(overlap.run(way, tmp_path / "run.sqlite"))
    assert told["most_calls_at_once"] == 8
    assert 0 < told["evaluator_idle_share"] < 1
