"""Providers: who answers the requests of a run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from operators.llm.client import Client
from operators.llm.contract import Provider
from operators.llm.endpoint import EndpointProvider
from operators.llm.environment import NO_KEY, key_in, place
from operators.llm.settings import LlmSettings


def provider_for(settings: LlmSettings, environ: Mapping[str, str] = os.environ) -> Provider:
    """Return the provider that the settings ask for; nothing is asked or connected to yet.

    One that can be closed, with `aclose`, must be, by whoever ends the session.

    Raises:
        SettingsError: no key and no base URL, or one that cannot be used; a recording that cannot be read.
    """
    match settings.provider:
        case "openai":
            client = Client(place(settings, environ), key_in(environ) or NO_KEY)
            return EndpointProvider(client, settings)
        case "recording":
            from operators.llm.recording import Recording

            return Recording(Path(settings.recording))
        case "exchange":
            from operators.llm.waiting import Waiting

            return Waiting(settings.models)
