"""Interrupt and termination signals as a call, within an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first interrupt or termination signal; a second one ends the process as usual."""
    loop = asyncio.get_running_loop()

    def once() -> None:
        for each in SIGNALS:
            loop.remove_signal_handler(each)
        stop()

    for each in SIGNALS:
        loop.add_signal_handler(each, once)
    try:
        yield
    finally:
        for each in SIGNALS:
            loop.remove_signal_handler(each)
