"""Loads a candidate's module, inside a sandbox child only."""

from __future__ import annotations

import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE_NAME = "candidate.py"


def load_entry_point(source: str, entry_point: str) -> Callable[..., Any]:
    """Write the source to the current folder (Triton reads functions back from files) and run the module.

    Raises:
        AttributeError: the module does not define the entry point.
        Exception: whatever the module raises.
    """
    path = Path(FILE_NAME).resolve()
    path.write_text(source)
    module = types.ModuleType("candidate")
    module.__file__ = str(path)
    sys.modules["candidate"] = module
    # Compiled here, not imported: the import system may answer with the bytecode of an earlier source.
    exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))
    entry: Callable[..., Any] = getattr(module, entry_point)
    return entry


def describe_fault(error: BaseException, limit: int = 1500) -> str:
    """Return type, message and the candidate's own lines of an exception, for whoever repairs it."""
    lines = [
        f"line {frame.lineno}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).name == FILE_NAME
    ]
    where = f" (at {'; '.join(lines[-2:])})" if lines else ""
    return sendable(f"{type(error).__name__}: {text_of(error)[:limit]}{where}")


def text_of(error: BaseException) -> str:
    """Return an exception's message; one that cannot be had is said to be missing."""
    try:
        return str(error)
    # The exception's class may be the candidate's own.
    except BaseException:  # noqa: BLE001
        return "(its message cannot be read)"


def sendable(text: str) -> str:
    """Return a text that can be encoded: lone surrogates are written out."""
    return text.encode(errors="backslashreplace").decode()


def outputs_of(returned: Any, is_tensor: Callable[[Any], bool]) -> tuple[Any, ...]:
    """Return what an entry point returned as a tuple of tensors; None counts as no output.

    Raises:
        TypeError: something else than tensors was returned.
    """
    outputs = () if returned is None else returned if isinstance(returned, tuple | list) else (returned,)
    for output in outputs:
        if not is_tensor(output):
            raise TypeError(f"an entry point returns tensors, got {type(output).__name__}")
    return tuple(outputs)
