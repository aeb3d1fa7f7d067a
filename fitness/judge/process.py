"""The engine's hold on one judge process: started, given a device, asked, killed."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from evo.errors import JudgeError
from fitness.judge import wire
from fitness.judge.messages import FromJudge, Open, Ready, ToJudge, Unfit

START_SECONDS = 180.0
END_SECONDS = 20.0
_TAIL_BYTES = 2000
_BOOT = """
import json, sys
sys.path[:0] = [p for p in json.loads(sys.argv[4]) if p not in sys.path]
import importlib, socket
module, _, name = sys.argv[1].partition(":")
getattr(importlib.import_module(module), name)(socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))
"""
DEVICE_VARIABLES = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME",
    "CUDA_DEVICE_ORDER", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ROCM_PATH", "NVIDIA_VISIBLE_DEVICES",
)  # fmt: skip
"""All that a judge gets of the engine's environment: where the device's libraries are, and no secrets."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""Small references are slower on several threads than on one, which wait for each other while the device is
held (on two busy cores 15 ms instead of 1.3 for a check of softmax), and are in the way of what enqueues."""

Kind = TypeVar("Kind")


class Died(Exception):
    """The process ended, or said what is no message."""


class JudgeProcess:
    """One process. It imports what it needs at once, and takes the device when `open` is called."""

    def __init__(self, program: str) -> None:
        """Start `program`, a `package.module:function` that takes a socket and the engine's process id."""
        self._stream, theirs = socket.socketpair()
        self._stream.setblocking(False)
        self._said = os.memfd_create("kernevo-judge-output")
        paths = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
        command = [
            sys.executable,
            "-P",
            "-s",
            "-c",
            _BOOT,
            program,
            str(theirs.fileno()),
            str(os.getpid()),
            paths,
        ]
        with theirs:
            self._process = subprocess.Popen(
                command,
                env=ONE_THREAD | {name: os.environ[name] for name in DEVICE_VARIABLES if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it is running."""
        return self._process.poll() is None

    async def open(self, device: str) -> Ready:
        """Have it take a device and look whether that works.

        Raises:
            JudgeError: it cannot, or does not say so in time.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.say(Open(device))
                reply = await self.hear()
        except TimeoutError:
            raise JudgeError(
                f"the judge of {device} is not ready after {START_SECONDS:g} s{self.tail()}"
            ) from None
        except Died as error:
            raise JudgeError(f"the judge of {device} cannot start: {error}{self.tail()}") from None
        if isinstance(reply, Ready):
            return reply
        reason = reply.reason if isinstance(reply, Unfit) else "it answered out of turn"
        raise JudgeError(f"the judge of {device} cannot measure: {reason}")

    async def say(self, message: ToJudge) -> None:
        """Send a message.

        Raises:
            Died: nobody takes it.
        """
        try:
            await asyncio.get_running_loop().sock_sendall(
                self._stream, wire.framed(msgspec.msgpack.encode(message))
            )
        except OSError as error:
            raise Died(self._how() or str(error)) from None

    async def hear(self) -> FromJudge:
        """Return its next message.

        Raises:
            Died: there is none.
        """
        try:
            payload = await wire.receive_soon(self._stream)
            if payload is None:
                raise Died(await self._ending())
            message: FromJudge = msgspec.msgpack.decode(payload, type=FromJudge)
            return message
        except (wire.BrokenFrame, msgspec.DecodeError, ValueError) as error:
            raise Died(f"it said what is no message: {error}") from None

    def kill(self) -> None:
        """Kill it; whoever waits for its answer hears that it died."""
        self._process.kill()

    async def end(self) -> None:
        """Kill it and wait until it is gone, within bounds: a device may hold it back for a while."""
        self.kill()
        try:
            await asyncio.to_thread(self._process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            raise JudgeError(
                f"the judge's process {self.pid} is still there {END_SECONDS:g} s after it was killed: "
                "its device hangs"
            ) from None
        finally:
            self._stream.close()
            os.close(self._said)

    def tail(self) -> str:
        """Return the end of what it printed, as an appendix to a message."""
        size = os.fstat(self._said).st_size
        said = os.pread(self._said, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace").strip()
        return f"; it said: {said.splitlines()[-1]}" if said else ""

    async def _ending(self) -> str:
        """Return how it ended, in words, once it has."""
        try:
            await asyncio.to_thread(self._process.wait, END_SECONDS)
        except subprocess.TimeoutExpired:
            return "it hung up"
        return self._how() or "it hung up"

    def _how(self) -> str | None:
        status = self._process.poll()
        if status is None:
            return None
        return f"it died of signal {-status}" if status < 0 else f"it ended with status {status}"
