"""The provider that has what came in: tickets, replies of every kind, and what waits."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.candidate import FREE, Proposal, Spend
from evo.errors import Unanswered
from operators.llm.completion import completion_in
from operators.llm.contract import Finish, Message, Request
from operators.llm.prices import most_of
from operators.llm.settings import ModelSettings
from operators.llm.waiting import NoReply, Result, Ticket, Waiting

MODEL = ModelSettings(name="m", dollars_in=2.0, dollars_out=8.0, max_tokens=77)


def request(text: str = "make it faster", model: str = "m") -> Request:
    return Request(model=model, messages=(Message(role="user", content=text),), max_tokens=77)


def proposal(number: int = 5, attempt: int = 0) -> Proposal:
    return Proposal(number=number, operator="o", parents=(), generation=1, key=1, attempt=attempt)


@settings(deadline=None)
@given(st.integers(0, 10**17), st.integers(0, 9), st.text())
def test_tickets_are_read_back(number: int, attempt: int, text: str) -> None:
    ticket = Ticket.of(request(text), proposal(number, attempt))
    assert Ticket.read(str(ticket)) == ticket
    assert len(str(ticket)) <= 64, "what other batches than OpenAI's take"


@settings(deadline=None)
@given(st.text())
def test_other_texts_are_no_tickets(text: str) -> None:
    assert Ticket.read(text) is None


@pytest.mark.parametrize(
    "text",
    ["kernevo-1-0-0123456789ABCDEF", "kernevo-1-0-0123456789abcde", "kernevo--1-0-0123456789abcdef",
     "kernevo-01-0-0123456789abcdef", "kernevo-1-0-0123456789abcdef\n", "kernevo-١-0-0123456789abcdef",
     f"kernevo-{'9' * 19}-0-0123456789abcdef"],
)  # fmt: skip
def test_what_nearly_is_a_ticket_is_none(text: str) -> None:
    assert Ticket.read(text) is None


def test_what_has_not_come_in_is_noted_and_unanswered() -> None:
    desk = Waiting([MODEL])
    asked = [(request("a"), proposal(9)), (request("b"), proposal(2, 1)), (request("b"), proposal(2))]
    for each in [*asked, asked[0]]:
        with pytest.raises(Unanswered):
            asyncio.run(desk.answer(*each))
    assert desk.awaited == {Ticket.of(*each): each[0] for each in asked}
    assert desk.taken == set()


REPLIES: dict[str, tuple[Result, str, Finish, str, Spend]] = {
    "whole": (
        completion_in(b'{"model": "m2", "choices": [{"message": {"content": "said"}, "finish_reason": null}],'
                      b' "usage": {"prompt_tokens": 1000, "completion_tokens": 10}}'),
        "said", Finish.STOP, "", Spend(tokens_in=1000, tokens_out=10, dollars=0.00208),
    ),
    "cut off": (
        completion_in(b'{"choices": [{"message": {"content": "sai"}, "finish_reason": "length"}],'
                      b' "usage": {"prompt_tokens": 1, "completion_tokens": 77}}'),
        "sai", Finish.LENGTH, "the reply was cut off at 77 tokens",
        Spend(tokens_in=1, tokens_out=77, dollars=0.000618),
    ),
    "reasoned to the end": (
        completion_in(b'{"choices": [{"message": {"content": null}, "finish_reason": "length"}],'
                      b' "usage": {"prompt_tokens": 0, "completion_tokens": 0}}'),
        "", Finish.LENGTH, "the reply was cut off at 77 tokens", FREE,
    ),
    "refused": (
        completion_in(b'{"choices": [{"message": {"refusal": "no"}}],'
                      b' "usage": {"prompt_tokens": 0, "completion_tokens": 0}}'),
        "no", Finish.REFUSED, "no", FREE,
    ),
    "without words": (
        completion_in(b'{"choices": [{"message": {"content": ""}}],'
                      b' "usage": {"prompt_tokens": 0, "completion_tokens": 0}}'),
        "", Finish.FAILED, "a completion without words", FREE,
    ),
    "without choices": (
        completion_in(b'{"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}'),
        "", Finish.FAILED, "a completion without words", FREE,
    ),
    "none": (NoReply("it expired"), "", Finish.FAILED, "it expired", FREE),
}  # fmt: skip


@pytest.mark.parametrize("kind", REPLIES)
def test_what_came_in_is_given_however_often_it_is_asked_for(kind: str) -> None:
    result, text, finish, reason, spend = REPLIES[kind]
    ticket = Ticket.of(request(), proposal())
    desk = Waiting([MODEL], {ticket: result})
    first = asyncio.run(desk.answer(request(), proposal()))
    assert asyncio.run(desk.answer(request(), proposal())) == first
    assert (first.text, first.finish, first.reason, first.spend) == (text, finish, reason, spend)
    assert (desk.taken, desk.awaited) == ({ticket}, {})
    for other in ((request("other"), proposal()), (request(), proposal(6)), (request(), proposal(5, 1))):
        with pytest.raises(Unanswered):
            asyncio.run(desk.answer(*other))


def test_tokens_that_nobody_counted_are_estimated_and_never_above_the_most() -> None:
    result = completion_in(b'{"choices": [{"message": {"content": "%s"}}]}' % (b"x" * 4000))
    desk = Waiting([MODEL], {Ticket.of(request(), proposal()): result})
    spend = asyncio.run(desk.answer(request(), proposal())).spend
    most = desk.most(request())
    assert most == most_of(request(), MODEL)
    assert 0 < spend.tokens_in <= most.tokens_in
    assert spend.tokens_out == most.tokens_out == 77
    assert Waiting().most(request()).dollars == 0
