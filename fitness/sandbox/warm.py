"""The engine's hold on one warm parent: its process, its control socket, its folder."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import msgspec

from evo.errors import SandboxError
from fitness.sandbox.contract import (
    MESSAGE_BYTES,
    Fault,
    Finished,
    Isolation,
    Limits,
    Opening,
    Reply,
    Room,
    Started,
)

START_SECONDS = 300.0
_READ_BYTES = 1 << 20
_TAIL_BYTES = 2000
_BOOT = """
import json, sys
sys.path[:0] = [p for p in json.loads(sys.argv[3]) if p not in sys.path]
import socket
from fitness.sandbox.parent import main
main(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
"""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "CUDA_VISIBLE_DEVICES": "",
    "HIP_VISIBLE_DEVICES": "",
}
"""All that a room gets of an environment: nothing is inherited, so no secret is."""


FOLDER = "kernevo-room-"
"""What the name of a room's folder begins with, before the process that made it."""

FORGOTTEN_SECONDS = 3600.0
"""Age from which an empty folder is that of nobody, though its process be out of sight."""


def remove_left_folders(place: Path) -> None:
    """Remove the rooms' empty folders that killed processes left; whatever holds something stays."""
    for folder in place.glob(f"{FOLDER}*-*"):
        pid = folder.name.removeprefix(FOLDER).partition("-")[0]
        with contextlib.suppress(OSError):
            forgotten = time.time() - folder.stat().st_mtime > FORGOTTEN_SECONDS
            if pid.isdecimal() and forgotten and not Path(f"/proc/{pid}").exists():
                folder.rmdir()


class WarmParent:
    """A started parent. `submit` may be called many times at once; after `close` it is gone with all its
    jobs.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        remove_left_folders(Path(tempfile.gettempdir()))
        self._folder = tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-")
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.setblocking(False)
        self._said = os.memfd_create("kernevo-room-output")
        with theirs:
            self._process = subprocess.Popen(
                _command(theirs.fileno()),
                env=_ENVIRONMENT | room.environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @classmethod
    async def start(cls, room: Room) -> tuple[Self, Isolation]:
        """Start a parent and wait until it serves; raise SandboxError if it cannot."""
        parent = cls(room)
        try:
            async with asyncio.timeout(START_SECONDS):
                isolation = await parent._opened()
            if isolation.view or not room.isolated:
                Path(parent._folder).rmdir()  # nothing is left behind then, even if this process is killed
            return parent, isolation
        except TimeoutError:
            reason = f"not ready after {START_SECONDS:g} s"
        except SandboxError as error:
            reason = str(error)
        except BaseException:
            parent.close()
            raise
        said = parent.said()
        parent.close()
        last = f"; it said: {said.splitlines()[-1]}" if said else ""
        failure = SandboxError(f"room {room.name!r} cannot start: {reason}{last}")
        failure.add_note(said)
        raise failure

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    async def submit(self, payload: bytes, limits: Limits) -> Finished | Fault | None:
        """Run one job; None if the parent or the job's supervisor died over it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours:
            with theirs, _Memory(payload) as memory:
                if not await self._send(msgspec.msgpack.encode(limits), [memory, theirs.fileno()]):
                    return None
            frame = await _read_to_end(ours)
        if not frame:
            return None
        reply = msgspec.msgpack.decode(frame, type=Reply)
        return None if isinstance(reply, Started) else reply

    def close(self) -> None:
        """Kill the parent, which takes its jobs with it, and let go of all it held."""
        self._process.kill()
        self._process.wait()
        self._control.close()
        os.close(self._said)
        shutil.rmtree(self._folder, ignore_errors=True)

    def said(self) -> str:
        """Return the end of what the parent itself printed."""
        size = os.fstat(self._said).st_size
        return os.pread(self._said, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace").strip()

    async def _opened(self) -> Isolation:
        opening = msgspec.msgpack.encode(Opening(self._room, self._folder))
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self._control, opening)
            message = await loop.sock_recv(self._control, MESSAGE_BYTES)
        except ConnectionError as error:
            raise SandboxError(str(error)) from error
        if not message:
            raise SandboxError("its process ended")
        reply = msgspec.msgpack.decode(message, type=Reply)
        if isinstance(reply, Started):
            return reply.isolation
        raise SandboxError(reply.reason if isinstance(reply, Fault) else "it answered out of turn")

    async def _send(self, message: bytes, descriptors: list[int]) -> bool:
        """Send a message with descriptors, waiting while the socket is full; False if nobody is there."""
        while True:
            try:
                socket.send_fds(self._control, [message], descriptors)
                return True
            except BlockingIOError:
                await asyncio.sleep(_FULL_SECONDS)
            except OSError:
                return False


class _Memory:
    """A payload as a sealed file in memory: memfd_create(2), F_ADD_SEALS in fcntl(2)."""

    def __init__(self, payload: bytes) -> None:
        self._descriptor = os.memfd_create("kernevo-payload", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with os.fdopen(os.dup(self._descriptor), "wb") as file:
            file.write(payload)
        fcntl.fcntl(self._descriptor, fcntl.F_ADD_SEALS, _ALL_SEALS)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


_ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_FULL_SECONDS = 0.005


async def _read_to_end(stream: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    chunks = []
    try:
        while chunk := await loop.sock_recv(stream, _READ_BYTES):
            chunks.append(chunk)
    except ConnectionError:
        return b""
    return b"".join(chunks)


def _command(control: int) -> list[str]:
    """The parent imports from where this process does, whatever its working folder."""
    paths = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
    return [sys.executable, "-P", "-s", "-c", _BOOT, str(control), str(os.getpid()), paths]
