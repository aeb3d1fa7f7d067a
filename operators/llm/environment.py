"""Environment: where models are, the key that they are asked with, and which they are if nobody says."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from evo.errors import SettingsError
from operators.llm.settings import LlmSettings, ModelSettings

KEY = "OPENAI_API_KEY"
URL = "OPENAI_BASE_URL"
MODELS = "KERNEVO_MODELS"

OPENAI = "https://api.openai.com/v1"
DEFAULT = ModelSettings(name="gpt-5.4-mini", dollars_in=0.75, dollars_out=4.5)
"""The model that is asked at OpenAI's own endpoint if nobody names one: the lesser of those it advises, at
its list price (developers.openai.com/docs/models, 2026)."""

NO_KEY = "none"
"""What is sent as a key where an endpoint wants none; the protocol has a header to fill."""


def with_models(settings: LlmSettings, environ: Mapping[str, str]) -> LlmSettings:
    """Return the settings with the environment's models, where they name none themselves.

    KERNEVO_MODELS names them, separated by commas; set but empty, it names none. Without it, a key for
    OpenAI's own endpoint stands for the default model.

    Raises:
        SettingsError: a base URL that cannot be one.
    """
    if settings.provider != "openai":
        return settings
    url = _url(settings, environ)
    if settings.models:
        return settings
    default = DEFAULT.name if key_in(environ) and not url else ""
    names = [name.strip() for name in environ.get(MODELS, default).split(",")]
    models = tuple(
        DEFAULT if name == DEFAULT.name and not url else ModelSettings(name=name)
        for name in dict.fromkeys(names)
        if name
    )
    return msgspec.structs.replace(settings, models=models)


def place(settings: LlmSettings, environ: Mapping[str, str]) -> str:
    """Return the base URL of the endpoint that is asked; there is no secret in it.

    Raises:
        SettingsError: neither a key nor a base URL, or a base URL that cannot be one.
    """
    url = _url(settings, environ)
    if not url and not key_in(environ):
        raise SettingsError(
            f"models are asked with a key in {KEY}, or at a base URL in operators.llm.base_url or {URL}, "
            "got neither"
        )
    return url or OPENAI


def key_in(environ: Mapping[str, str]) -> str:
    """Return the key, empty if there is none.

    Raises:
        SettingsError: it holds what no header can.
    """
    key = environ.get(KEY, "").strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SettingsError(f"{KEY} must be of printable ASCII characters without spaces, got others")
    return key


def _url(settings: LlmSettings, environ: Mapping[str, str]) -> str:
    """Return the base URL that settings or environment name, empty if neither does."""
    if settings.base_url:
        return _checked(settings.base_url, "operators.llm.base_url")
    url = environ.get(URL, "").strip()
    return _checked(url, URL) if url else ""


def _checked(url: str, name: str) -> str:
    """Return a URL that can be asked and told of; what may be a secret in another is not repeated."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        parts, sound = urlsplit(""), False
    if "@" in url or parts.query or parts.fragment:
        raise SettingsError(
            f"{name} must hold no user, password or query, for {KEY} alone is kept secret, got some"
        )
    if not sound or not (url.isascii() and url.isprintable()) or " " in url:
        raise SettingsError(f"{name} must be a URL such as http://127.0.0.1:8000/v1, got {url!r}")
    return url
