"""The engine's side of the witness: started, asked one thing, killed at a limit."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fitness.judge.process import DEVICE_VARIABLES
from fitness.opinion.messages import Broke, Question, Said

PROGRAM = "fitness.opinion.witness"
LARGEST_REPLY = 512 << 20
END_SECONDS = 20.0
_TAIL_BYTES = 500


async def asked(question: Question, seconds: float, environment: Mapping[str, str] | None = None) -> Said:
    """Return what the witness says, or that it broke.

    Args:
        question: what to run.
        seconds: time that it may take, from its start.
        environment: variables that it gets besides those that say where the device's libraries are.
    """
    with contextlib.ExitStack() as stack:
        folder = tempfile.TemporaryDirectory(prefix="kernevo-opinion-", ignore_cleanup_errors=True)
        scratch = stack.enter_context(folder)
        request, reply, said = (_memory(stack) for _ in range(3))
        with os.fdopen(os.dup(request), "wb") as stream:
            stream.write(msgspec.msgpack.encode(question))
        process = subprocess.Popen(
            _command(request, reply, seconds), env=_environment(scratch, environment or {}), cwd=scratch,
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=(request, reply),
            start_new_session=True,
        )  # fmt: skip
        ending = await _ending(process, seconds)
        return _said(reply) if ending is None else Broke(f"{ending}{_tail(said)}")


def _command(request: int, reply: int, seconds: float) -> list[str]:
    cpu_seconds = 4 * math.ceil(seconds)  # a backstop: compilers and torch use several threads
    numbers = (request, reply, os.getpid(), cpu_seconds)
    return [sys.executable, "-P", "-s", "-m", PROGRAM, *map(str, numbers)]


def _environment(scratch: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return all that it gets of an environment: no secret is among it."""
    inherited = {name: os.environ[name] for name in DEVICE_VARIABLES if name in os.environ}
    paths = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    own = {"HOME": scratch, "TMPDIR": scratch, "TRITON_HOME": scratch, "PYTHONPATH": paths}
    return {**inherited, **own, "TRITON_CACHE_DIR": f"{scratch}/triton", **more}


async def _ending(process: subprocess.Popen[bytes], seconds: float) -> str | None:
    """Wait for its end, for so long; return in words what is wrong with it, or None. It is dead then."""
    try:
        try:
            status = await asyncio.to_thread(process.wait, seconds)
        except subprocess.TimeoutExpired:
            return f"no answer after {seconds:g} s"
        return None if status == 0 else f"it ended with status {status}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS)


def _said(reply: int) -> Said:
    """Return what stands in its reply."""
    size = os.fstat(reply).st_size
    if size > LARGEST_REPLY:
        return Broke(f"its answer has {size} bytes, at most {LARGEST_REPLY} are read")
    try:
        said: Said = msgspec.msgpack.decode(os.pread(reply, size, 0), type=Said)
        return said
    except (msgspec.DecodeError, ValueError) as error:
        return Broke(f"its answer is malformed: {error}")


def _memory(stack: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create("kernevo-opinion")
    stack.callback(os.close, descriptor)
    return descriptor


def _tail(said: int) -> str:
    """Return the end of what it printed, as an appendix."""
    size = os.fstat(said).st_size
    text = os.pread(said, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace").strip()
    return f"; it said: {text.splitlines()[-1]}" if text else ""
