"""Reads what the user names: text files of reasonable size, or one line that says what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from evo.errors import UsageError

LARGEST = 1 << 20
"""Bytes that a config, a task file or a kernel may have."""


def read_text(path: Path, what: str, refuse: type[UsageError] = UsageError) -> str:
    """Return a file's text; `what` is what the message calls it. Devices and pipes are read as far as needed.

    Raises:
        UsageError: of the kind `refuse`: it cannot be read, is too large, or is not UTF-8 text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise refuse(f"{what} {path} cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise refuse(f"{what} {path} may have {LARGEST} bytes, it has more")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise refuse(f"{what} {path} must be UTF-8 text, byte {error.start} is not") from None
