"""Where reports are printed: nothing cropped or read as markup, control characters on terminals only."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from evo.errors import RunFailure

Printer = Callable[[Any, Callable[[Console], None]], None]
"""Shows a report: its data, and how to print it for people."""

AS_WIDE_AS_NEEDED = 10_000
"""Columns of what is no terminal: tables take what they need of it."""


def harmless(text: str) -> str:
    """Return the text with what may steer a terminal replaced: candidates and models write much of it."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


class _Candid(Console):
    """A console that no text steers; what follows when nobody reads any more, it leaves to its user."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a string, be it printed or in a table, as rich text."""
        return super().render_str(harmless(text), **options)

    def on_broken_pipe(self) -> NoReturn:
        """Raise what was raised."""
        raise


def output() -> Console:
    """Return the console of standard output."""
    terminal = sys.stdout.isatty()
    return _Candid(
        highlight=False, markup=False, emoji=False, soft_wrap=True, force_terminal=terminal,
        width=None if terminal else AS_WIDE_AS_NEEDED,
    )  # fmt: skip


def messages() -> Console:
    """Return the console of standard error, where progress goes."""
    return Console(
        stderr=True, highlight=False, markup=False, emoji=False, force_terminal=sys.stderr.isatty()
    )


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """Write to standard output, all of it; whoever reads may go before the end.

    Raises:
        RunFailure: it cannot be written, as a full disk cannot.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        give_up()
    except OSError as error:
        give_up()
        raise RunFailure(f"output must be writable, got {error.strerror}") from None


def give_up() -> None:
    """Let what is still to be written go nowhere, so that the interpreter's end does not fail over it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
