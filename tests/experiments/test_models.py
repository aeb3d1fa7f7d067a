"""Which models a run asks: resolved when it begins, kept in its settings, and said; the key is nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from evo.errors import SettingsError
from evo.settings import MOST
from experiments.models import asked_models
from experiments.settings import OFFSPRING, parse_settings
from operators.llm.attempts import KINDS
from operators.llm.environment import DEFAULT
from operators.settings import OperatorWeights
from tests.experiments.commanding import SMALL, refused
from tests.operators.llm.asking import KEY
from tests.standins import SyntheticOperator

LOCAL = "http://127.0.0.1:8000/v1"


class Paid(SyntheticOperator):
    most = 0


def begun(text: str = SMALL, **environ: str):
    return parse_settings(text, "a test's settings", environ=environ)


def test_the_settings_of_a_run_name_its_models_and_never_the_key():
    settings = begun(OPENAI_API_KEY=KEY)
    assert settings.operators.llm.models == (DEFAULT,)
    written = settings.to_toml()
    assert KEY not in written
    assert parse_settings(written, "the same settings") == settings
    assert begun(written, OPENAI_API_KEY=KEY, KERNEVO_MODELS="other") == settings


def test_settings_that_name_no_models_on_purpose_ask_none():
    settings = begun(f"{SMALL}[operators.llm]\nmodels = []\n", OPENAI_API_KEY=KEY)
    assert settings.operators.llm.models == ()


def test_where_models_are_asked_generations_are_long_and_nothing_begins_again():
    plain, asking = begun('task = "flip"'), begun('task = "flip"', OPENAI_API_KEY=KEY)
    assert (asking.search.offspring, asking.search.patience) == (OFFSPRING, MOST)
    assert plain.search.offspring < OFFSPRING
    assert plain.search.patience < MOST
    own = begun('task = "flip"\n[search]\noffspring = 5\npatience = 4', OPENAI_API_KEY=KEY)
    assert (own.search.offspring, own.search.patience) == (5, 4)


def test_models_share_of_the_proposals_is_more_than_half():
    weights = OperatorWeights().by_name
    assert sum(weights[kind] for kind in KINDS) > sum(weights.values()) / 2


def test_the_environments_models_may_be_all_that_is_asked():
    settings = begun(f"{SMALL}[operators]\nrewrites = false\n", OPENAI_API_KEY=KEY)
    assert settings.operators.llm.models == (DEFAULT,)
    with pytest.raises(SettingsError, match="0 models"):
        begun(f"{SMALL}[operators]\nrewrites = false\n")


WRONG = {
    "operators=3": "operators must be a table of settings, got 3",
    "operators.llm=3": "operators.llm must be a table of settings, got 3",
    "operators.llm.try_seconds=long": "operators.llm.try_seconds must be a number, got 'long'",
    "operators.llm.models=one": "operators.llm.models must be a list, got 'one'",
}


@pytest.mark.parametrize("change", WRONG)
def test_settings_that_are_wrong_are_refused_by_name_whatever_the_environment(change):
    for environ in (None, {"OPENAI_API_KEY": KEY}):
        with pytest.raises(SettingsError) as raised:
            parse_settings(SMALL, "a test's settings", [change], environ)
        assert WRONG[change] in str(raised.value)


def test_settings_of_models_without_prices_are_written_and_read():
    settings = begun(KERNEVO_MODELS="a,b", OPENAI_BASE_URL=LOCAL)
    assert parse_settings(settings.to_toml(), "the same settings") == settings


def test_it_is_said_who_is_asked_and_where_if_anybody_is():
    free, paid = {"step": SyntheticOperator()}, {"paid": Paid("paid")}
    environ = {"OPENAI_API_KEY": KEY}
    assert asked_models(begun(**environ), free, environ) is None
    assert asked_models(begun(**environ), paid, environ) == (
        f"asking {DEFAULT.name} at https://api.openai.com/v1"
    )
    local = {"KERNEVO_MODELS": "a,b", "OPENAI_BASE_URL": LOCAL}
    assert asked_models(begun(**local), paid, local) == (
        f"asking a, b at {LOCAL}; only tokens are counted, no price is known of a, b"
    )


def test_what_cannot_be_asked_is_refused_before_anything_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(SMALL)
    run = ["run", "config.toml"]
    budget = [*run, "--set", "search.budget.dollars=1", "--set", 'operators.llm.models=[{name="local"}]']
    assert refused(budget, capsys).endswith("got none for local")
    secret = "https://me:hunter2@there/v1"
    said = refused([*run, "--set", f"operators.llm.base_url={secret}"], capsys)
    assert "must hold no user, password or query" in said
    assert "hunter2" not in said
    monkeypatch.setenv("OPENAI_BASE_URL", "nowhere")
    assert refused(run, capsys) == (
        "OPENAI_BASE_URL must be a URL such as http://127.0.0.1:8000/v1, got 'nowhere'"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
