"""What was asked and answered for a candidate, read back from the journal."""

from __future__ import annotations

import io
import json
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evo.candidate import Spend
from evo.journal import JournalReader
from evo.records import Called, Evaluated
from evo.settings import Mode
from experiments.cli import run
from experiments.prompts import Call, calls_for, show_calls
from experiments.run_folder import JOURNAL
from operators.llm.contract import Finish, Message, Reply, Request
from operators.llm.waiting import Waiting
from tests.experiments.commanding import refused
from tests.experiments.test_exchange import MODEL, Live, engine_of, searched


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a search whose model has answered."""
    made = tmp_path_factory.mktemp("run")
    searched(made / JOURNAL, engine_of(Live(), Mode.GENERATIONAL), random.Random(1))
    return made


def told(folder: Path, number: int, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["lineage", str(folder), str(number), "--prompt", "--json"]) == 0
    read = json.loads(capsys.readouterr().out)
    assert isinstance(read, dict)
    return read


def test_every_call_of_every_candidate_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with JournalReader(folder / JOURNAL) as reader:
        records = [entry.record for entry in reader.entries()]
        asked = [record.number for record in records if isinstance(record, Evaluated) and record.request]
        called = [record for record in records if isinstance(record, Called)]
        blobs = {record.request: json.loads(reader.blob(record.request)) for record in called}
    assert len(asked) > 3
    seen = 0
    for number in range(23):
        data = told(folder, number, capsys)
        own = [record for record in called if record.number == number]
        assert data["number"] == number
        assert [call["digest"] for call in data["calls"]] == [record.request for record in own]
        assert [call["request"] for call in data["calls"]] == [blobs[record.request] for record in own]
        assert sum(call["used"] for call in data["calls"]) == (number in asked)
        seen += len(own)
    assert seen == len(called) > len(asked)


def test_people_see_conversations(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with JournalReader(folder / JOURNAL) as reader:
        many = next(number for number in range(23) if len(calls_for(reader, number)) > 1)
        calls = calls_for(reader, many)
    capsys.readouterr()
    assert run(["lineage", str(folder), str(many), "--prompt"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"candidate {many}: {len(calls)} calls\n")
    assert all(shown.count(call.request.messages[0].content) == 1 for call in calls[:1])
    assert "made into the candidate" in shown
    assert run(["lineage", str(folder), "0", "--prompt"]) == 0
    assert capsys.readouterr().out == "no model has answered for candidate 0\n"


def test_no_message_is_shown_twice_and_none_steers_the_terminal() -> None:
    first = (Message(role="system", content="be brief"), Message(role="user", content="write"))
    second = (
        *first,
        Message(role="assistant", content="an\x1b[2J (shortened)"),
        Message(role="user", content="again"),
    )
    paid = Spend(tokens_in=1, tokens_out=2, dollars=0.25)
    asked = [
        (0, first, Reply(text="an\x1b[2J answer\r\n", finish=Finish.LENGTH, reason="cut off", spend=paid)),
        (0, second, Reply(text="better", model="m-2")),
        (1, second, Reply(text="", finish=Finish.FAILED, reason="no reply in time")),
    ]
    calls = [
        Call(attempt=attempt, digest=str(place), used=place == 1, reply=reply,
             request=Request(model="m", messages=messages, max_tokens=5))
        for place, (attempt, messages, reply) in enumerate(asked)
    ]  # fmt: skip
    console = Console(file=(file := io.StringIO()), highlight=False, markup=False, soft_wrap=True)
    show_calls(console, 4, calls)
    lines = [line for line in file.getvalue().splitlines() if line]
    assert lines == [
        "candidate 4: 3 calls",
        "--- system to m", "be brief", "--- user to m", "write",
        "--- reply of m, length: cut off, 1 token in, 2 out, 0.25 dollars", "an\ufffd[2J answer\ufffd",
        "--- user to m", "again",
        "--- reply of m-2, 0 tokens in, 0 out, made into the candidate", "better",
        "=== anew, redraw 1",
        "--- system to m", "be brief", "--- user to m", "write",
        "--- assistant to m", "an\ufffd[2J (shortened)", "--- user to m", "again",
        "--- reply of m, failed: no reply in time, 0 tokens in, 0 out", "no reply in time",
    ]  # fmt: skip


def test_candidates_that_wait_show_what_was_answered_so_far(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Waiting([MODEL])
    searched(tmp_path / JOURNAL, engine_of(desk, Mode.GENERATIONAL), random.Random(1))
    [ticket, *_] = sorted(desk.awaited)
    assert told(tmp_path, ticket.number, capsys) == {"number": ticket.number, "calls": []}
    assert "must be one of the 6 that this run asked for, got 6" in refused(
        ["lineage", tmp_path, "6", "--prompt"], capsys
    )
    assert "got 1000" in refused(["lineage", tmp_path, str(10**30), "--prompt"], capsys)


def test_a_journal_whose_replies_are_none_of_ours(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with JournalReader(folder / JOURNAL) as reader:
        called = next(entry.record for entry in reader.entries() if isinstance(entry.record, Called))
    with (
        closing(sqlite3.connect(folder / JOURNAL)) as db,
        closing(sqlite3.connect(tmp_path / JOURNAL)) as copy,
    ):
        db.backup(copy)
        copy.execute("UPDATE blobs SET data = ? WHERE digest = ?", (b"{}", called.reply))
        copy.commit()
    said = refused(["lineage", tmp_path, str(called.number), "--prompt"], capsys, code=1)
    assert "a journal holds every blob it names" in said
