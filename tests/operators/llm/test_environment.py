"""Which models are asked and where, from settings and environment; the key is shown to nobody."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evo.errors import SettingsError
from operators.llm.endpoint import EndpointProvider
from operators.llm.environment import DEFAULT, OPENAI, key_in, place, with_models
from operators.llm.providers import provider_for
from operators.llm.settings import LlmSettings
from tests.operators.llm.asking import KEY, MODEL

NOTHING = LlmSettings()
LOCAL = "http://127.0.0.1:8000/v1"
PASSWORD = "hunter2hunter2"

MODELS = {
    "no key": ({}, ()),
    "an empty key": ({"OPENAI_API_KEY": " "}, ()),
    "a key": ({"OPENAI_API_KEY": KEY}, (DEFAULT.name,)),
    "named": ({"OPENAI_API_KEY": KEY, "KERNEVO_MODELS": "small, large,,small"}, ("small", "large")),
    "named for no key": ({"KERNEVO_MODELS": "local", "OPENAI_BASE_URL": LOCAL}, ("local",)),
    "none named": ({"OPENAI_API_KEY": KEY, "KERNEVO_MODELS": ""}, ()),
    "a key of elsewhere": ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": LOCAL}, ()),
}


@pytest.mark.parametrize(("environ", "names"), MODELS.values(), ids=MODELS)
def test_models_of_the_environment(environ, names):
    assert tuple(model.name for model in with_models(NOTHING, environ).models) == names


def test_models_of_the_settings_stand():
    mine = LlmSettings(models=(MODEL,))
    assert with_models(mine, {"OPENAI_API_KEY": KEY, "KERNEVO_MODELS": "other"}) == mine
    recorded = LlmSettings(provider="recording")
    assert with_models(recorded, {"OPENAI_API_KEY": KEY}) == recorded


def test_only_the_default_model_at_its_own_endpoint_has_a_price():
    named = {"OPENAI_API_KEY": KEY, "KERNEVO_MODELS": f"{DEFAULT.name},other"}
    default, other = with_models(NOTHING, named).models
    assert (default, other.dollars_in) == (DEFAULT, None)
    (elsewhere,) = with_models(NOTHING, {"KERNEVO_MODELS": DEFAULT.name, "OPENAI_BASE_URL": LOCAL}).models
    assert elsewhere.dollars_in is None


def test_where_models_are():
    assert place(NOTHING, {"OPENAI_API_KEY": KEY}) == OPENAI
    assert place(NOTHING, {"OPENAI_BASE_URL": LOCAL}) == LOCAL
    assert place(LlmSettings(base_url="https://mine/v1"), {"OPENAI_BASE_URL": LOCAL}) == "https://mine/v1"
    with pytest.raises(SettingsError, match=r"got neither$"):
        place(NOTHING, {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""})


@pytest.mark.parametrize(
    "url",
    ["localhost:8000/v1", "ftp://there/v1", "http://", "http://there:port/v1", "http://th\nere",
     "http://th ere", "http://there:0", "http://[::1/v1", "/v1", "http://tëst/v1"],
)  # fmt: skip
def test_base_urls_that_cannot_be(url):
    for settings, environ in ((LlmSettings(base_url=url), {}), (NOTHING, {"OPENAI_BASE_URL": url})):
        with pytest.raises(SettingsError, match="must be a URL such as"):
            with_models(settings, environ)


@pytest.mark.parametrize(
    "url", [f"https://me:{PASSWORD}@there/v1", f"https://there/v1?key={PASSWORD}", f"http://@{PASSWORD}:x/",
            f"http://there/#{PASSWORD}"],
)  # fmt: skip
def test_base_urls_that_hold_secrets_are_not_repeated(url):
    for settings, environ in ((LlmSettings(base_url=url), {}), (NOTHING, {"OPENAI_BASE_URL": url})):
        with pytest.raises(SettingsError) as raised:
            with_models(settings, environ)
        assert PASSWORD not in str(raised.value)


@pytest.mark.parametrize("key", ["sk-one sk-two", "sk-\x00one", "sk-öne", "sk-one\nsk-two"])
def test_keys_that_no_header_holds_are_not_repeated(key):
    with pytest.raises(SettingsError) as raised:
        key_in({"OPENAI_API_KEY": key})
    assert "OPENAI_API_KEY must be" in str(raised.value)
    assert "sk-" not in str(raised.value)


def test_a_key_that_ends_in_a_line_break_is_one():
    assert key_in({"OPENAI_API_KEY": f"{KEY}\n"}) == KEY


def test_a_provider_is_made_of_both_and_tells_nobody_the_key():
    provider = provider_for(LlmSettings(models=(MODEL,)), {"OPENAI_API_KEY": KEY})
    assert isinstance(provider, EndpointProvider)
    assert KEY not in repr(vars(provider))
    with pytest.raises(SettingsError, match=r"got neither$"):
        provider_for(LlmSettings(models=(MODEL,)), {})


def test_the_package_is_imported_only_when_an_endpoint_is_asked():
    program = (
        "import sys, operators.llm.providers as p, operators.llm.settings as s\n"
        "m = (s.ModelSettings(name='local'),)\n"
        "p.provider_for(s.LlmSettings(models=m, base_url='http://127.0.0.1:9/v1'), {})\n"
        "sys.exit('openai' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
