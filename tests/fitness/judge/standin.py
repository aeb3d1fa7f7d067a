"""Judges' processes on pretended devices: the real loop, for tests of the client."""

from __future__ import annotations

import socket

from fitness.judge.main import serve
from tests.fitness.judge.pretend import PretendMachine


def main(stream: socket.socket, engine: int) -> None:
    """Serve on a device of whatever name; each name is a kind of its own."""
    serve(stream, PretendMachine, 1 << 16)


def alike(stream: socket.socket, engine: int) -> None:
    """Serve on one of several devices of a kind."""
    serve(stream, lambda _: PretendMachine("device"), 1 << 16)
