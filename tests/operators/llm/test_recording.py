"""A recording answers the same call the same way, and a malformed one is refused in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evo.candidate import Proposal, Spend
from evo.errors import SettingsError
from operators.llm.contract import Finish, Message, Reply, Request
from operators.llm.recording import Heading, Line, Recording, recording_text

HEADING = Heading(author="an assistant", written="2026-11-23", task="flip")
GOOD = recording_text(HEADING, [Line(operator="optimise", reply="a")])


def recording(folder: Path, lines: Sequence[Line]) -> Recording:
    path = folder / "replies.jsonl"
    path.write_text(recording_text(HEADING, lines))
    return Recording(path)


def proposed(number: int, operator: str = "optimise", attempt: int = 0) -> Proposal:
    return Proposal(number=number, operator=operator, parents=(), generation=1, key=number, attempt=attempt)


def asked(turns: int = 0) -> Request:
    again = (Message("assistant", "…"), Message("user", "once more")) * turns
    return Request(model="any", messages=(Message("user", "faster"), *again), max_tokens=10)


def said(provider: Recording, proposal: Proposal, turns: int = 0) -> Reply:
    return asyncio.run(provider.answer(asked(turns), proposal))


@given(order=st.permutations(range(7)))
def test_whichever_order_calls_come_in_each_gets_its_own_reply(tmp_path_factory, order):
    lines = [Line(operator="optimise", reply=f"reply {at}") for at in range(7)]
    provider = recording(tmp_path_factory.mktemp("replies"), lines)
    replies = {number: said(provider, proposed(number)).text for number in order}
    assert len(set(replies.values())) == 7
    assert replies == {number: f"reply {number}" for number in range(7)}


def test_replies_are_counted_round_by_operator_attempt_and_turn(tmp_path):
    lines = [Line(operator="optimise", reply=text) for text in "abc"]
    provider = recording(tmp_path, [lines[0], Line(operator="reflect", reply="r"), *lines[1:]])
    assert said(provider, proposed(4)).text == "b"
    assert said(provider, proposed(4, attempt=1)).text == "c"
    assert said(provider, proposed(4, attempt=1), turns=1).text == "a"
    assert said(provider, proposed(4, "optimise@small")).text == "b"
    assert said(provider, proposed(4, "reflect")).text == "r"


def test_a_reply_says_who_wrote_it_how_it_ended_and_what_it_took(tmp_path):
    line = Line(operator="optimise", reply="```py", finish=Finish.LENGTH, tokens_in=7, tokens_out=3)
    provider = recording(tmp_path, [line, Line(operator="generate", reply="x", tokens_in=2, tokens_out=9)])
    reply = said(provider, proposed(1))
    assert (reply.text, reply.finish, reply.model) == ("```py", Finish.LENGTH, "an assistant")
    assert reply.reason
    assert reply.spend == Spend(tokens_in=7, tokens_out=3)
    assert provider.most(asked()) == Spend(tokens_in=7, tokens_out=9)


def test_an_operator_without_replies_gets_none(tmp_path):
    reply = said(recording(tmp_path, [Line(operator="optimise", reply="a")]), proposed(1, "combine"))
    assert reply.finish is Finish.FAILED
    assert reply.reason == "the recording has no reply for combine, only for optimise"


@given(
    lines=st.lists(
        st.builds(
            Line,
            operator=st.sampled_from(["generate", "reflect"]),
            reply=st.text(st.characters(exclude_categories=["Cs"])),
            finish=st.sampled_from(Finish),
            tokens_in=st.integers(0, 2**40),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_was_written_is_read_back(tmp_path_factory, lines):
    provider = recording(tmp_path_factory.mktemp("replies"), lines)
    for operator in {line.operator for line in lines}:
        expected = [line.reply for line in lines if line.operator == operator]
        read = [said(provider, proposed(number, operator)).text for number in range(len(expected))]
        assert read == expected
    assert provider.heading == HEADING


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("\n \n", "it is empty"),
        (GOOD.splitlines()[0], "at least one reply"),
        (GOOD.splitlines()[1], "line 1 must be the heading"),
        ("{}\n", "line 1 must be the heading"),
        (GOOD.replace("2026-11-23", "lately"), "line 1 must be the heading: written must be a date"),
        (GOOD.replace("an assistant", " "), "line 1 must be the heading: author must say who"),
        (GOOD + "\n\nnot json\n", "line 5 must be a reply"),
        (GOOD + '{"operator": "a@b", "reply": ""}', "line 3 must be a reply: operator must be a name"),
        (GOOD + '{"operator": "a"}', "line 3 must be a reply"),
        (GOOD + '{"operator": "a", "reply": "", "more": 1}', "line 3 must be a reply"),
        (GOOD + '{"operator": "a", "reply": "", "finish": "gone"}', "line 3 must be a reply"),
        (GOOD + '{"operator": "a", "reply": "", "tokens_in": -1}', "line 3 must be a reply: tokens"),
        (GOOD + '{"operator": "a", "reply": "\\ud800"}', "line 3 must be a reply"),
        (GOOD + '{"operator": "a", "reply": ' + "[" * 100_000, "line 3 must be a reply"),
        (GOOD + '{"operator": "a", "reply": "half', "line 3 must be a reply"),
    ],
)
def test_a_malformed_recording_is_refused_in_one_line(tmp_path, text, told):
    path = tmp_path / "replies.jsonl"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        Recording(path)
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "binary.jsonl").write_bytes(GOOD.encode() + b"\xff\xfe\n")
    with pytest.raises(SettingsError, match="line 3 must be a reply"):
        Recording(tmp_path / "binary.jsonl")
    with pytest.raises(SettingsError, match="No such file"):
        Recording(tmp_path / "none.jsonl")
    with pytest.raises(SettingsError, match="directory"):
        Recording(tmp_path)
