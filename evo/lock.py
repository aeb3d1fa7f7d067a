"""A lock file that one live process holds; the operating system lets go of it when the process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from evo.errors import RunFolderError


class FileLock:
    """An exclusive lock, held from construction until `release` or the end of the process.

    It is the system's lock that counts, not the process id in the file, so a killed run is never in use. The
    file stays where it is: removing it would let two processes hold locks on two files of one name.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            RunFolderError: a live process holds it, or the file cannot be made.
        """
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RunFolderError(f"a run folder must be writable, got {error.strerror}: {path}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.pread(self._fd, 32, 0).decode(errors="replace").strip()
            holder = f"process {pid}" if pid else "another process"
            os.close(self._fd)
            raise RunFolderError(f"one process at a time works on a run, {holder} does: {path}") from error
        with contextlib.suppress(OSError):  # the disk is full: the lock holds, only whose it is stays unsaid
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self._fd)
