"""Texts in a report: packed small, read back whole, with nothing secret and nothing that runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evo.journal import JournalReader
from experiments.report.choosing import weighty
from experiments.report.details import verdicts
from experiments.report.gather import gather
from experiments.report.packing import LONGEST, TOGETHER, Lines, batches, filled, packed
from experiments.report.redaction import HIDDEN, Redaction
from experiments.report.writing import report, write_report
from experiments.run_folder import JOURNAL
from tests.experiments.report.told import (
    Asking,
    Writing,
    answer,
    small_run,
    texts_of,
    unpacked,
)
from tests.standins import synthetic_operators

KEY = "sk-kernevo0123456789abcdefghij"
TOKEN = "a-token-of-the-tests"
ATTACKS = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\"><svg/onload=document.title='owned'>",
    "<!--<script>",
    "{{ 7 * 7 }}{% raw %}",
    "\u2028\u2029&lt;b&gt;",
)


def read(runs: list[int], table: list[str]) -> str:
    return "\n".join("\n".join(table[at : at + many]) for at, many in zip(runs[::2], runs[1::2], strict=True))


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab\n\r\x00→"), max_size=30), max_size=8))
def test_runs_of_lines_are_the_texts_again(texts):
    lines = Lines()
    told = [lines.runs(text) for text in texts]
    assert len(set(lines.table)) == len(lines.table)
    package = unpacked(packed({"lines": lines.table, "of": told}))
    assert [read(runs, package["lines"]) for runs in package["of"]] == texts


def test_what_is_too_long_is_cut_and_says_so():
    lines = Lines()
    text = read(lines.runs("x" * (LONGEST + 7)), lines.table)
    assert text.endswith("\n… 7 characters more")
    assert len(text) < LONGEST + 40


def test_packages_end_where_the_budget_does():
    assert list(filled(["aa", "bb", "c"], 4)) == ["aa", "bb"]
    assert list(batches("abcde", 2)) == [("a", "b"), ("c", "d"), ("e",)]


def test_texts_that_do_not_fit_are_those_that_matter_least(tmp_path):
    folder = small_run(tmp_path / "run", 300)
    with JournalReader(folder / JOURNAL) as journal:
        run = gather(journal, folder, str)
        order = weighty(run, list(run.fates))
        whole = verdicts(journal, order, str)
        part = verdicts(journal, order, str, budget=len(whole.packages[0]))
    assert whole.places.keys() == run.fates.keys()
    assert part.packages == whole.packages[:1]
    assert list(part.places) == order[:TOGETHER]
    assert set(run.line(run.winner.number)) <= part.places.keys()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/x.py", "~/x.py"),
        ("File '/home/other/kernevo/a.py'", "File '~/kernevo/a.py'"),
        ("sqlite:////home/me/runs/mlflow.db", "sqlite:///~/runs/mlflow.db"),
        ("/Users/ann b", "~ b"),
        ("/root/.cache/x", "~/.cache/x"),
        ("x = n /root", "x = n /root"),
        ("/mnt/home/me", "/mnt/home/me"),
        ("a/home/b/c", "a/home/b/c"),
        ("/srv/odd home/runs", "~/runs"),
        ("/srv/odd homes/runs", "/srv/odd homes/runs"),
        ("https://ann:secret@host/x", f"https://{HIDDEN}@host/x"),
        (f"key {KEY}!", f"key {HIDDEN}!"),
        (f"got {TOKEN}.", f"got {HIDDEN}."),
        ("Authorization: Bearer abcdefgh123", f"Authorization: Bearer {HIDDEN}"),
        ("task-skills", "task-skills"),
        ("", ""),
    ],
)
def test_redaction(text, shown):
    redact = Redaction(Path("/srv/odd home"), {"MY_TOKEN": TOKEN, "SHORT_KEY": "12", "PATH": "/usr/bin"})
    assert redact(text) == shown


def test_no_key_and_no_home_is_in_a_report(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HUB_TOKEN", TOKEN)
    monkeypatch.setenv("HOME", "/srv/secret-home")
    secrets = f"# {KEY} {TOKEN} /srv/secret-home/x /home/ann/y"
    operators = {"asking": Asking("asking"), "writing": Writing([secrets], f"read {secrets}")}
    folder = small_run(tmp_path / "run", operators=operators, redraws=0)
    answer(folder, 3, f"here is {secrets}", f"I saw {secrets}")
    whole = texts_of(write_report(folder).read_text())
    for secret in (KEY, TOKEN, "secret-home", "/home/ann", str(tmp_path)):
        assert secret not in whole
    assert HIDDEN in whole


def test_what_models_wrote_stays_text(tmp_path):
    text = "\n".join(f"y{at} = {attack!r}  # {attack}" for at, attack in enumerate(ATTACKS))
    operators = {"writing": Writing([text], ATTACKS[0]), **synthetic_operators()}
    folder = small_run(tmp_path / "<b>run&", operators=operators, redraws=0)
    answer(folder, 3, ATTACKS[0], ATTACKS[1])
    page = report(folder)
    assert len(re.findall(r"<script", page)) == 2, "the data and our own script"
    assert "<img" not in page
    assert "onerror" not in page.replace("&#34;", "").split('id="data"')[0]
    assert "<b>run&" not in page
    assert "49{% raw" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src &#39;none&#39;" in policy
    assert "unsafe" not in policy
    island = page.split('id="data">')[1].split("</script>")[0]
    assert not set("<>&\u2028\u2029") & set(island)
    whole = texts_of(page)
    assert all(json.dumps(attack, ensure_ascii=False)[1:-1] in whole for attack in ATTACKS[:1])


def test_a_report_loads_nothing(tmp_path):
    page = report(small_run(tmp_path / "run"))
    assert not re.search(r"""(src|href|url|import)\s*[=(]\s*["']?\s*(https?:|//)""", page)
    assert "http://www.w3.org/2000/svg" in page, "a name, not an address"
