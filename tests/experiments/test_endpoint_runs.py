"""Runs whose kernels an endpoint writes: what they cost, how they end when it fails, and no key anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from evo.credit import credits_of
from evo.errors import ModelError
from evo.evaluation import Status
from evo.journal import JournalReader
from evo.records import Called, Evaluated
from experiments.run_folder import JOURNAL
from experiments.suites.loader import load_task
from tests.experiments.commanding import kernevo, quick_run, refused
from tests.operators.llm.asking import KEY
from tests.operators.llm.endpoint import PAGE, Answer, Received, completion, failure, serving

CONFIG = """
task = "flip"
[search]
seed = 11
population = 3
offspring = 4
redraws = 0
budget.evaluations = {evaluations}
[operators]
rewrites = false
[[operators.llm.models]]
name = "simulated"
dollars_in = 1.0
dollars_out = 2.0
[tracking]
enabled = {tracked}
"""
SEED = load_task("flip").seed.source


def config(evaluations: int = 9, *, tracked: bool = False) -> str:
    return CONFIG.format(evaluations=evaluations, tracked=str(tracked).lower())


def writes(received: Received) -> Answer:
    """Say the seed kernel with something added, which differs from reply to reply."""
    if received.number == 0:
        return failure(500, f"could not reach the model with {KEY}")
    source = f"{SEED}\n\nREPLY = {received.number}\n"
    return completion(f"Strategy: add {received.number}; key {KEY}\n\n```python\n{source}```\n")


@pytest.fixture
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def holds_key(folder: Path) -> list[Path]:
    """Return the files that hold the key, in plain, in UTF-16 or as the last two thirds of it."""
    forms = (KEY.encode(), KEY.encode("utf-16-le"), KEY[len(KEY) // 3 :].encode())
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(form in path.read_bytes() for form in forms)]


@pytest.mark.usefixtures("_key")
def test_every_reply_is_journalled_and_paid_for_as_told(tmp_path, monkeypatch):
    with serving(writes, KEY) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        folder = quick_run(tmp_path / "run", config())
    with JournalReader(folder / JOURNAL) as journal:
        records = [entry.record for entry in journal.entries()]
        assert credits_of(journal).statuses[Status.PASSED] == 9
    called = [each for each in records if isinstance(each, Called)]
    assert len(called) == 8
    assert len(endpoint.received) == 9
    told = {each.number: each for each in records if isinstance(each, Evaluated)}
    for each in called:
        assert told[each.number].spend == each.spend
        assert told[each.number].request == each.request
        assert (each.spend.tokens_in, each.spend.tokens_out, each.spend.dollars) == (100, 20, 140 / 1e6)
    assert holds_key(folder) == []


FAILING = {
    "key": (failure(401, f"Incorrect API key provided: {KEY}"), "must accept the key in OPENAI_API_KEY"),
    "model": (failure(404, "no such model", code="model_not_found"), "must be known there"),
    "page": (PAGE, "must be the base URL of an OpenAI-compatible endpoint"),
}


@pytest.mark.usefixtures("_key")
@pytest.mark.parametrize(("fault", "rule"), FAILING.values(), ids=FAILING)
def test_an_endpoint_that_refuses_stops_the_run_and_loses_nothing(fault, rule, tmp_path, monkeypatch):
    def fails_later(received: Received) -> Answer:
        return fault if received.number > 5 else writes(received)

    folder = tmp_path / "run"
    with serving(fails_later) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        with pytest.raises(ModelError, match=rule) as raised:
            quick_run(folder, config())
    assert KEY not in str(raised.value)
    assert holds_key(folder) == []
    with JournalReader(folder / JOURNAL) as journal:
        called = [entry.record for entry in journal.entries() if isinstance(entry.record, Called)]
    assert 1 <= len(called) <= 5


def test_without_a_key_or_a_base_url_models_are_not_asked(tmp_path, capsys):
    path = tmp_path / "config.toml"
    path.write_text(config())
    said = refused(["run", path, "--out", tmp_path / "run"], capsys)
    assert said == (
        "models are asked with a key in OPENAI_API_KEY, or at a base URL in operators.llm.base_url or "
        "OPENAI_BASE_URL, got neither"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.timeout(600)
def test_a_run_as_users_start_it_shows_the_key_to_the_endpoint_alone(tmp_path):
    (tmp_path / "config.toml").write_text(config(evaluations=4, tracked=True))
    run = ["run", "config.toml", "--out", "runs/asked"]
    with serving(writes, KEY) as endpoint:
        environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": endpoint.url}
        done = kernevo(*run, cwd=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    assert f"asking simulated at {endpoint.url}" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert (tmp_path / "runs" / "mlflow.db").exists()
    assert holds_key(tmp_path) == []
    assert {each.headers["authorization"] for each in endpoint.received} == {f"Bearer {KEY}"}
    assert [each.sent for each in endpoint.received] == [True] * 4
