"""Reads what the user names: text files of reasonable size, or one line that says what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from evo.errors import UsageError

LARGEST = 1 << 20
"""Bytes that a config, a task file or a kernel may have."""


def read_text(path: Path, what: str, refuse: type[UsageError] = UsageError) -> str:
    """Return a file's text; `what` is what the message calls it.

    Raises:
        UsageError: of the kind `refuse`: as `read_bytes`, or it is not UTF-8 text.
    """
    try:
        return read_bytes(path, what, refuse).decode()
    except UnicodeDecodeError as error:
        raise refuse(f"{what} {path} must be UTF-8 text, byte {error.start} is not") from None


def read_bytes(path: Path, what: str, refuse: type[UsageError] = UsageError, largest: int = LARGEST) -> bytes:
    """Return a file's content. Devices and pipes are read as far as needed.

    Raises:
        UsageError: of the kind `refuse`: it cannot be read, or has more than the largest number of bytes.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(largest + 1)
    except OSError as error:
        raise refuse(f"{what} {path} cannot be read: {error.strerror}") from None
    if len(raw) > largest:
        raise refuse(f"{what} {path} may have {largest} bytes, it has more")
    return raw
