"""Whose turn it is on a device: one process of the machine at a time, by a lock on a file."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

SECONDS_BETWEEN_LOOKS = 0.2


@contextlib.contextmanager
def exclusive(device: str) -> Iterator[None]:
    """Hold a device for this process alone, among all that ask for it; waits for its turn."""
    with _lock(device) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextlib.asynccontextmanager
async def turn(device: str, seconds: float) -> AsyncIterator[None]:
    """Do as `exclusive` without stopping the event loop, and wait so long at most.

    Raises:
        TimeoutError: another process holds the device all the time.
    """
    with _lock(device) as descriptor:
        async with asyncio.timeout(seconds):
            while not _taken(descriptor):
                await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        yield


@contextlib.contextmanager
def _lock(device: str) -> Iterator[int]:
    """Yield the descriptor of a device's file; closing it gives the turn back."""
    path = Path(tempfile.gettempdir()) / f"kernevo-{device}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
