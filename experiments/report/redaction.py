"""What no report shows: home folders and secrets, whoever wrote them into a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

HOMES = re.compile(r"(?<![\w.~-])(?:/(?:home|Users)/[^/\s'\"<>:,;)]+|/root(?=/[\w.]))")
SECRET_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
SECRETS = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)|\bsk-[\w-]{16,}|(?<=Bearer )[\w.~+/-]{8,}=*")
MARKS = ("://", "sk-", "Bearer ")
"""One of these is in every text in which there may be something of `SECRETS`; finding them is quick."""

SHORTEST = 8
"""Characters that a secret of the environment has at least; a shorter one would be found everywhere."""
HIDDEN = "[hidden]"


class Redaction:
    """Takes home folders and secrets out of texts: those of this environment, and what looks like them."""

    def __init__(self, home: Path, environ: Mapping[str, str]) -> None:
        """Take the user's home folder, and the environment whose keys and passwords must not be shown."""
        secrets = {
            value for name, value in environ.items() if SECRET_NAMES.search(name) and len(value) >= SHORTEST
        }
        self._secrets = sorted(secrets, key=len, reverse=True)
        own = len(home.parts) > 2
        self._home = re.compile(rf"{re.escape(str(home))}(?![\w-])") if own else HOMES
        self._homes = ("/home/", "/Users/", "/root/", *([str(home)] if own else []))

    def __call__(self, text: str) -> str:
        """Return the text with `~` for home folders, and without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        if any(mark in text for mark in MARKS):
            text = SECRETS.sub(HIDDEN, text)
        if any(mark in text for mark in self._homes):
            text = HOMES.sub("~", self._home.sub("~", text))
        return text
