"""Asking an endpoint: whatever happens on the way, one reply comes of it, paid for as told."""

from __future__ import annotations

import asyncio
import socket
from email.utils import formatdate

import pytest

from evo.candidate import Spend
from evo.errors import ModelError
from operators.llm.client import Client
from operators.llm.contract import Finish
from operators.llm.endpoint import FIRST_TRIES, PAID_TRIES, SILENT_CALLS, EndpointProvider
from tests.operators.llm.asking import KEY, Stepping, answer, asked, proposal, request, settings
from tests.operators.llm.endpoint import (
    DROPPED,
    HANGING,
    PAGE,
    WRONG_JSON,
    Answer,
    as_json,
    completion,
    empty,
    failure,
)

HELLO = completion("hello")
PAID = Spend(tokens_in=100, tokens_out=20, dollars=(100 * 2 + 20 * 8) / 1e6)

RETRIED = {
    "too many": failure(429, "slow down"),
    "too many, wait": failure(429, "slow down", headers={"Retry-After": "3"}),
    "too many, until": failure(429, headers={"Retry-After": formatdate(usegmt=True)}),
    "too many, nonsense": failure(429, headers={"Retry-After": "soon, -1"}),
    "time-out": failure(408),
    "conflict": failure(409),
    "broken": failure(500),
    "broken gateway": Answer(status=502, headers=PAGE.headers, body=PAGE.body),
    "overloaded": failure(529, headers={"Retry-After": "inf"}),
    "error in a reply": as_json({"error": {"message": "provider returned error", "code": 429}}),
    "dropped": DROPPED,
    "hanging": HANGING,
    "half a body": completion("hello", way="half"),
    "wrong JSON": WRONG_JSON,
    "no JSON": Answer(body=b"internal error"),
    "nothing": Answer(body=b""),
    "a list": as_json([]),
    "another object": as_json({"choices": "none"}),
    "null": as_json({"choices": None}),
    "a choice without a message": as_json({"choices": [{"message": None}]}),
    "no words": completion(None, usage=None),
    "half a character": Answer(body=b'{"choices": [{"message": {"content": "\\ud800"}}]}'),
}


@pytest.mark.parametrize("fault", RETRIED.values(), ids=RETRIED)
def test_whatever_may_pass_is_tried_again(fault):
    reply, endpoint = asyncio.run(answer([fault, HELLO]))
    assert (reply.text, reply.finish, reply.reason, reply.tries) == ("hello", Finish.STOP, "", 2)
    assert (reply.spend, reply.model) == (PAID, "simulated")
    assert [each.body for each in endpoint.received] == 2 * [
        {
            "model": "simulated",
            "messages": [{"role": "user", "content": "Say something."}],
            "max_tokens": 1_000,
        }
    ]
    assert {each.headers["authorization"] for each in endpoint.received} == {f"Bearer {KEY}"}


def test_tries_that_tell_what_they_took_are_paid_for():
    reply, _ = asyncio.run(answer([empty((70, 5)), HELLO]))
    assert (reply.spend.tokens_in, reply.spend.tokens_out, reply.tries) == (170, 25, 2)


@pytest.mark.parametrize("fault", [WRONG_JSON, DROPPED, HANGING, completion("hello", way="half"), empty()])
def test_what_a_model_may_have_worked_on_is_paid_for_a_bounded_number_of_times(fault):
    reply, endpoint = asyncio.run(answer([fault]))
    assert (reply.text, reply.finish, reply.tries) == ("", Finish.FAILED, PAID_TRIES)
    assert len(endpoint.received) == PAID_TRIES
    assert reply.reason.startswith(f"no reply in {PAID_TRIES} tries")


def test_what_costs_nothing_is_tried_until_the_deadline():
    reply, endpoint = asyncio.run(answer([failure(503, "loading")]))
    assert reply.finish is Finish.FAILED
    assert reply.tries == len(endpoint.received) > PAID_TRIES
    assert "HTTP 503: loading" in reply.reason
    assert reply.spend == Spend()


@pytest.mark.parametrize("told", ["101", formatdate(4_000_000_000, usegmt=True), "1e300"])
def test_a_wait_beyond_the_deadline_is_not_waited_for(told):
    reply, endpoint = asyncio.run(answer([failure(429, headers={"Retry-After": told}), HELLO]))
    assert (reply.finish, reply.tries, len(endpoint.received)) == (Finish.FAILED, 1, 1)


def test_a_wait_is_as_long_as_the_endpoint_asks():
    reply, _ = asyncio.run(answer([failure(429, headers={"Retry-After": "40"}), HELLO]))
    assert 40 <= reply.seconds <= 41


def test_a_slow_reply_is_waited_for():
    reply, endpoint = asyncio.run(answer([completion("hello", delay=0.1)]))
    assert (reply.text, reply.tries, len(endpoint.received)) == ("hello", 1, 1)


ENDS = {
    "cut off": (completion("def f", finish="length"), "def f", Finish.LENGTH, "cut off at 1000 tokens"),
    "all thought": (completion("", finish="length"), "", Finish.LENGTH, "cut off"),
    "filtered": (completion("", finish="content_filter"), "", Finish.REFUSED, "content filter"),
    "refused": (completion(None, refusal="I won't."), "I won't.", Finish.REFUSED, "not answer: I won't."),
    "in parts": (
        as_json({"choices": [{"message": {"content": [
            {"type": "thinking", "text": "hm"}, {"type": "text", "text": "hel"}, {"text": "lo"},
        ]}}], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}),
        "hello", Finish.STOP, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("said", "text", "finish", "reason"), ENDS.values(), ids=ENDS)
def test_replies_end_in_several_ways(said, text, finish, reason):
    reply, endpoint = asyncio.run(answer([said]))
    assert (reply.text, reply.finish, len(endpoint.received)) == (text, finish, 1)
    assert reason in reply.reason
    assert bool(reply.reason) is (finish is not Finish.STOP)
    assert reply.spend == PAID


@pytest.mark.parametrize("usage", [None, (-1, -1)])
def test_tokens_that_are_not_told_are_estimated_and_that_is_said_once(usage, caplog):
    async def twice():
        async with asked([completion("hello, world", usage=usage)]) as (provider, _):
            first = await provider.answer(request("x" * 400), proposal(1))
            await provider.answer(request(), proposal(2))
            return first, provider.most(request("x" * 400))

    reply, most = asyncio.run(twice())
    assert (reply.spend.tokens_in, reply.spend.tokens_out) == (100, 3)
    assert most.tokens_in >= 400
    if usage is None:
        assert [each.message for each in caplog.records] == [
            "model simulated does not say what it reads and writes: tokens are estimated"
        ]


REASONING = failure(
    400, "Unsupported parameter: 'max_tokens' is not supported with this model. "
    "Use 'max_completion_tokens' instead.", code="unsupported_parameter", param="max_tokens",
)  # fmt: skip
COLD = failure(
    400, "Unsupported value: 'temperature' does not support 0.2 with this model. "
    "Only the default (1) value is supported.", code="unsupported_value", param="temperature",
)  # fmt: skip


def test_what_an_endpoint_wants_requests_to_look_like_is_learnt_from_it():
    def reasoning(received):
        if "max_tokens" in received.body:
            return REASONING
        return COLD if "temperature" in received.body else HELLO

    async def three():
        async with asked(reasoning, calls_in_flight=1) as (provider, endpoint):
            asking = [provider.answer(request(temperature=0.2), proposal(each)) for each in (1, 2, 3)]
            return await asyncio.gather(*asking), endpoint

    replies, endpoint = asyncio.run(three())
    assert [each.text for each in replies] == ["hello"] * 3
    assert [each.tries for each in replies] == [3, 1, 1]
    for received in endpoint.received[2:]:
        assert received.body["max_completion_tokens"] == 1_000
        assert "temperature" not in received.body


def test_a_request_that_is_refused_is_not_sent_again():
    long = failure(400, "maximum context length is 4096 tokens", code="context_length_exceeded")
    reply, endpoint = asyncio.run(answer([long, HELLO]))
    assert (reply.finish, reply.text, len(endpoint.received)) == (Finish.REFUSED, "", 1)
    assert reply.reason == "HTTP 400: maximum context length is 4096 tokens"
    both = failure(400, "'max_tokens' or 'max_completion_tokens' is too large", param="max_tokens")
    reply, endpoint = asyncio.run(answer([both]))
    assert (reply.finish, len(endpoint.received)) == (Finish.REFUSED, 1)


GIVEN_UP = {
    "key": (failure(401, f"Incorrect API key provided: {KEY}."), "must accept the key in OPENAI_API_KEY"),
    "forbidden": (failure(403), "must accept the key"),
    "model": (failure(404, "The model `simulated` does not exist", code="model_not_found"), "does not exist"),
    "model of vLLM": (
        as_json({"object": "error", "message": "The model does not exist.", "code": 404}, status=404),
        "must be known there, got HTTP 404: The model does not exist.",
    ),
    "quota": (failure(429, "You exceeded your quota", code="insufficient_quota"), "must have quota left"),
    "payment": (failure(402, "pay"), "must have quota left"),
    "path": (Answer(status=404, headers=PAGE.headers, body=PAGE.body), "OpenAI-compatible endpoint"),
    "page": (PAGE, "got HTTP 200 with a page of HTML"),
    "method": (Answer(status=405), "OpenAI-compatible endpoint"),
    "moved": (Answer(status=304), "OpenAI-compatible endpoint"),
}


@pytest.mark.parametrize(("fault", "rule"), GIVEN_UP.values(), ids=GIVEN_UP)
def test_an_endpoint_that_answers_nobody_ends_the_run_in_one_line(fault, rule):
    async def ask():
        async with asked([fault, HELLO]) as (provider, endpoint):
            with pytest.raises(ModelError) as raised:
                await provider.answer(request(), proposal())
            return raised.value, endpoint

    error, endpoint = asyncio.run(ask())
    said = str(error)
    assert rule in said
    assert endpoint.url.removesuffix("/v1") in said
    assert "\n" not in said
    assert KEY not in said
    assert len(endpoint.received) == 1


def test_an_address_where_nobody_listens_is_found_out_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    provider = EndpointProvider(Client(url, KEY), settings(), Stepping())
    with pytest.raises(ModelError) as raised:
        asyncio.run(provider.answer(request(), proposal()))
    assert f"model simulated at {url} must be within reach" in str(raised.value)
    assert f"in {FIRST_TRIES} tries" in str(raised.value)


def test_an_endpoint_that_goes_away_is_waited_for():
    class Restarting(Stepping):
        async def sleep(self, seconds):
            await super().sleep(seconds)
            if self.now() > 30:
                await restart()

    async def through_a_restart():
        async with asked([HELLO], clock=Restarting()) as (provider, endpoint):
            nonlocal restart
            restart = endpoint.__aenter__
            assert (await provider.answer(request(), proposal(1))).text == "hello"
            await endpoint.__aexit__()
            return await provider.answer(request(), proposal(2))

    restart = None
    reply = asyncio.run(through_a_restart())
    assert reply.text == "hello"
    assert reply.tries > FIRST_TRIES
    assert reply.seconds > 30


def test_an_outage_stops_the_run_before_it_has_used_up_its_proposals():
    async def ask():
        async with asked([failure(503, "down")], deadline_seconds=5.0) as (provider, _):
            for number in range(1, SILENT_CALLS):
                assert (await provider.answer(request(), proposal(number))).finish is Finish.FAILED
            with pytest.raises(ModelError) as raised:
                await provider.answer(request(), proposal(SILENT_CALLS))
            return str(raised.value)

    said = asyncio.run(ask())
    assert f"gave no reply to {SILENT_CALLS} calls in a row" in said
    assert said.endswith("HTTP 503: down")


def test_failures_between_replies_are_no_outage():
    down, up = [failure(503, headers={"Retry-After": "10000"})] * (SILENT_CALLS - 1), [HELLO]

    async def ask():
        async with asked([*down, *up, *down, *up]) as (provider, _):
            return [await provider.answer(request(), proposal(number)) for number in range(6)]

    finishes = [reply.finish for reply in asyncio.run(ask())]
    assert finishes == [Finish.FAILED, Finish.FAILED, Finish.STOP] * 2


def test_no_more_calls_are_in_flight_than_allowed_and_all_are_answered():
    def says(received):
        return completion(received.prompt, delay=0.02)

    async def many():
        async with asked(says, calls_in_flight=3) as (provider, endpoint):
            asking = [provider.answer(request(f"{each}"), proposal(each)) for each in range(12)]
            return await asyncio.gather(*asking), endpoint

    replies, endpoint = asyncio.run(many())
    assert [reply.text for reply in replies] == [f"{each}" for each in range(12)]
    assert endpoint.most_at_once == 3


def test_a_cancelled_call_gives_up_its_turn_and_its_connection():
    async def cancelled():
        async with asked([Answer(way="hanging"), HELLO], calls_in_flight=1) as (provider, endpoint):
            hanging = asyncio.create_task(provider.answer(request(), proposal(1)))
            while not endpoint.received:
                await asyncio.sleep(0)
            waiting = asyncio.create_task(provider.answer(request(), proposal(2)))
            hanging.cancel()
            reply = await waiting
            assert hanging.cancelled()
            return reply, endpoint

    reply, endpoint = asyncio.run(cancelled())
    assert reply.text == "hello"
    assert [each.sent for each in endpoint.received] == [False, True]


def test_a_closed_provider_can_be_asked_again_and_closed_twice():
    async def again():
        async with asked([HELLO]) as (provider, _):
            first = await provider.answer(request(), proposal(1))
            await provider.aclose()
            await provider.aclose()
            return first, await provider.answer(request(), proposal(2))

    assert [reply.text for reply in asyncio.run(again())] == ["hello", "hello"]


def test_a_wait_that_lasts_past_the_deadline_is_followed_by_no_try():
    class Oversleeping(Stepping):
        async def sleep(self, seconds):
            await super().sleep(seconds + 10)

    async def ask():
        async with asked([failure(500)], clock=Oversleeping(), deadline_seconds=10.0) as (provider, endpoint):
            return await provider.answer(request(), proposal()), endpoint

    reply, endpoint = asyncio.run(ask())
    assert (reply.finish, reply.tries, len(endpoint.received)) == (Finish.FAILED, 1, 1)
