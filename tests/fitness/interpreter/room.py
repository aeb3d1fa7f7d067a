"""The interpreter room without a sandbox: one warm process, a fork for each request."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fitness.interpreter.messages import Reply, Request, decode_reply, encode_request

ROOT = Path(__file__).parents[3]
Ask = Callable[[Request], Reply]


def serve() -> None:
    """Answer length-prefixed requests from standard input, each in a forked child."""
    from fitness.interpreter import handler

    handler.warm_up()
    channel = os.dup(1)
    os.dup2(2, 1)
    while header := sys.stdin.buffer.read(4):
        payload = sys.stdin.buffer.read(struct.unpack("<I", header)[0])
        child = os.fork()
        if child == 0:
            reply = handler.handle(payload)
            with os.fdopen(channel, "wb") as out:
                out.write(struct.pack("<I", len(reply)) + reply)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            os.write(channel, struct.pack("<I", 0))


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    process = subprocess.Popen(
        [sys.executable, "-c", "from tests.fitness.interpreter.room import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path_factory.mktemp("scratch"),
        env={**os.environ, "TRITON_INTERPRET": "1",
             "PYTHONPATH": os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(ROOT)])},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    source, sink = process.stdout, process.stdin

    def ask(request: Request) -> Reply:
        payload = encode_request(request)
        sink.write(struct.pack("<I", len(payload)) + payload)
        sink.flush()
        size = struct.unpack("<I", source.read(4))[0]
        assert size, "the child died"
        return decode_reply(source.read(size))

    yield ask
    sink.close()
    process.wait(timeout=20)
    source.close()
