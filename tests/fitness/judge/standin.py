"""A judge's process on a pretended device: the real loop, for tests of the client."""

from __future__ import annotations

import socket

from fitness.judge.main import serve
from tests.fitness.judge.pretend import PretendMachine


def main(stream: socket.socket, engine: int) -> None:
    serve(stream, PretendMachine, 1 << 16)
