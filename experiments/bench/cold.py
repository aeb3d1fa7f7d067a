"""A cold evaluation: what one candidate costs where nothing is kept warm between candidates.

`python -m experiments.bench.cold TASK TARGET` reads a kernel from standard input, evaluates it with the same
cascade as a search, in this process and one interpreter process, and prints the evaluation as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any, cast

import msgspec

from evo.candidate import Kernel
from experiments.suites.loader import load_task
from fitness.devices import device_for
from fitness.modelled import ModelledEvaluator
from fitness.rooms import Rooms
from fitness.sandbox import Ending, Limits, Outcome, Sandbox
from fitness.settings import StageLimits

INTERPRET = "--interpret"


class ColdRoom:
    """Answers like a room, from this process."""

    def __init__(self, handle: Callable[[bytes], bytes]) -> None:
        self._handle = handle

    async def run(self, payload: bytes, limits: Limits) -> Outcome:  # noqa: ARG002
        """Return what the handler makes of the payload."""
        return Outcome(Ending.FINISHED, payload=self._handle(payload))


class ColdInterpreter:
    """Answers like the interpreter room, from one process of its own that is started when first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def handle(self, payload: bytes) -> bytes:
        """Return what the interpreter process makes of the payload."""
        if self._process is None:
            command = [sys.executable, "-m", "experiments.bench.cold", INTERPRET]
            environment = {**os.environ, "TRITON_INTERPRET": "1"}
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _send(self._process.stdin, payload)
        return _receive(self._process.stdout)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()


def evaluate_cold(source: str, task_name: str, target: str) -> bytes:
    """Return the evaluation of a kernel as JSON."""
    from fitness import capture, compiler, oracle

    interpreter = ColdInterpreter()
    handlers = (capture.handle, compiler.handle, interpreter.handle, oracle.handle)
    rooms = Rooms(*(cast(Sandbox, ColdRoom(handle)) for handle in handlers))
    evaluator = ModelledEvaluator(rooms, device_for(target), StageLimits(), b"bench")
    try:
        return msgspec.json.encode(asyncio.run(evaluator.evaluate(Kernel(source), load_task(task_name))))
    finally:
        interpreter.close()


def interpret() -> None:
    """Answer requests on standard input until it ends."""
    from fitness.interpreter import handler

    with contextlib.suppress(EOFError):
        while True:
            _send(sys.stdout.buffer, handler.handle(_receive(sys.stdin.buffer)))


def _send(stream: Any, payload: bytes) -> None:
    stream.write(struct.pack("<Q", len(payload)) + payload)
    stream.flush()


def _receive(stream: Any) -> bytes:
    header = stream.read(8)
    if len(header) < 8:
        raise EOFError
    [size] = struct.unpack("<Q", header)
    return bytes(stream.read(size))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        if sys.argv[1:] == [INTERPRET]:
            interpret()
        else:
            sys.stdout.buffer.write(evaluate_cold(sys.stdin.read(), *sys.argv[1:3]))
