"""Batches as files: what is written, and whatever may be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.errors import UsageError
from experiments.batch import Fault, Results, batch_of, read_results
from operators.llm.contract import Message, Request
from operators.llm.waiting import NoReply, Ticket

TICKETS = [Ticket(number, 0, f"{number:016x}") for number in range(6)]


def told(ticket: Ticket | str, text: str = "said", **changes: object) -> str:
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    response = {"status_code": 200, "request_id": "r", "body": body}
    return json.dumps({"id": "i", "custom_id": str(ticket), "response": response, "error": None, **changes})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "replies.jsonl"


def read(file: Path, *lines: str | bytes) -> Results:
    file.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return read_results(file)


def texts(results: Results) -> dict[int, str]:
    return {
        each.ticket.number: "none" if isinstance(each.result, NoReply) else each.result.text
        for each in results.lines
    }


def test_a_batch_is_what_the_format_says() -> None:
    conversation = (
        Message(role="system", content="be\nbrief \u2028"),
        Message(role="user", content="\U0001f600é"),
    )
    plain = Request(model="m", messages=conversation[1:], max_tokens=9)
    warm = Request(model="n", messages=conversation, max_tokens=10, temperature=0.5)
    text = batch_of({TICKETS[4]: plain, TICKETS[2]: warm})
    lines = text.split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == [
        {
            "custom_id": str(TICKETS[2]), "method": "POST", "url": "/v1/chat/completions",
            "body": {
                "model": "n", "max_completion_tokens": 10, "temperature": 0.5,
                "messages": [{"role": each.role, "content": each.content} for each in conversation],
            },
        },
        {
            "custom_id": str(TICKETS[4]), "method": "POST", "url": "/v1/chat/completions",
            "body": {
                "model": "m", "max_completion_tokens": 9,
                "messages": [{"role": "user", "content": conversation[1].content}],
            },
        },
    ]  # fmt: skip
    assert batch_of({}) == ""


def test_the_order_of_lines_and_what_stands_between_them_do_not_matter(file: Path) -> None:
    results = read(
        file, "\ufeff" + told(TICKETS[3], "c") + "\r", "", "  \t", told(TICKETS[1], "a\nb \u2028") + "\r"
    )
    assert texts(results) == {3: "c", 1: "a\nb \u2028"}
    assert [line.number for line in results.lines] == [1, 4]
    assert (results.repeats, results.faults) == (0, ())


def test_of_repeats_the_first_that_has_a_reply_counts(file: Path) -> None:
    failed = told(TICKETS[1], response=None, error={"code": "batch_expired", "message": "too\nlate"})
    results = read(
        file, failed, told(TICKETS[1], "first"), told(TICKETS[1], "second"), failed, told(TICKETS[2])
    )
    assert texts(results) == {1: "first", 2: "said"}
    assert (results.lines[0].number, results.repeats) == (2, 3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"response": None, "error": {"code": "batch_expired", "message": "too\nlate"}},
            "no reply: too late",
        ),
        ({"response": None, "error": {"code": "batch_expired"}}, "no reply: batch_expired"),
        ({"error": "broken"}, "no reply: broken"),
        (
            {"response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}},
            "HTTP 429, slow down",
        ),
        ({"response": {"status_code": 500, "body": "<html>"}}, "HTTP 500, nothing more"),
        ({"response": {"status_code": 500}}, "HTTP 500, nothing more"),
        ({"response": {"status_code": 200, "body": {"error": {"message": "odd"}}}}, "no reply: odd"),
    ],
)
def test_results_without_a_reply_say_why(changes: dict[str, object], reason: str, file: Path) -> None:
    results = read(file, told(TICKETS[0], **changes))
    [line] = results.lines
    assert isinstance(line.result, NoReply)
    assert line.result.reason.startswith("the batch gave no reply: ")
    assert line.result.reason.endswith(reason)


FAULTS = {
    "{": "one result of a batch, got",
    "[]": "one result of a batch, got",
    "{}": "`custom_id`",
    '{"custom_id": 7}': "$.custom_id",
    b"\xff\xfe{}": "one result of a batch, got",
    told("kernevo-1"): "must be one that `kernevo ask` wrote, got 'kernevo-1'",
    told("request-1\n\x1b[2J"): r"got 'request-1\n\x1b[2J'",
    told(TICKETS[1], response=None): "a response or an error, got neither",
    told(TICKETS[1], response={"body": {}}): "status_code",
    told(TICKETS[1], response={"status_code": 200, "body": []}): "response.body must be a chat completion",
    told(TICKETS[1], response={"status_code": 200, "body": {"output": []}}): "got no choices",
    told(TICKETS[1], "\ud800"): "one result of a batch, got",
    '{"custom_id": "x", "a": ' + "[" * 100_000: "",
}


@pytest.mark.parametrize("line", FAULTS, ids=range(len(FAULTS)))
def test_lines_that_nothing_can_be_made_of_cost_no_other(line: str | bytes, file: Path) -> None:
    results = read(file, told(TICKETS[0]), line, told(TICKETS[2]), line)
    assert texts(results) == {0: "said", 2: "said"}
    assert [fault.line for fault in results.faults] == [2, 4]
    assert all(FAULTS[line] in fault.rule for fault in results.faults)
    assert all(len(fault.rule.splitlines()) == 1 for fault in results.faults)


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(["{}", told(TICKETS[1])]).map(str.encode))))
def test_whatever_a_file_holds_every_line_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.jsonl"
    file.write_bytes(b"\n".join(lines))
    results = read_results(file)
    held = [line for line in file.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    assert len(held) == len(results.lines) + results.repeats + len(results.faults)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match=f"replies file {path} cannot be read"):
            read_results(path)
    (tmp_path / "empty").touch()
    assert read_results(tmp_path / "empty") == Results((), 0, ())
    assert Fault(1, "b") < Fault(2, "a")
