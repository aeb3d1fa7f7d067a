"""Where reports are printed: nothing cropped or read as markup, control characters on terminals only."""

from __future__ import annotations

import sys

from rich.console import Console

AS_WIDE_AS_NEEDED = 10_000
"""Columns of what is no terminal: tables take what they need of it."""


def output() -> Console:
    """Return the console of standard output."""
    terminal = sys.stdout.isatty()
    return Console(
        highlight=False, markup=False, emoji=False, soft_wrap=True, force_terminal=terminal,
        width=None if terminal else AS_WIDE_AS_NEEDED,
    )  # fmt: skip


def messages() -> Console:
    """Return the console of standard error, where progress goes."""
    return Console(
        stderr=True, highlight=False, markup=False, emoji=False, force_terminal=sys.stderr.isatty()
    )
