"""Interrupt and termination signals as a call, within an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

INTERRUPTED = 130
"""The exit code of a command that was interrupted."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first interrupt or termination signal; a second one ends the process as usual.

    A signal that the process was started to ignore stays ignored, as a shell's background jobs expect.
    """
    loop = asyncio.get_running_loop()
    heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]

    def once() -> None:
        for each in heeded:
            loop.remove_signal_handler(each)
        stop()

    for each in heeded:
        loop.add_signal_handler(each, once)
    try:
        yield
    finally:
        for each in heeded:
            loop.remove_signal_handler(each)
