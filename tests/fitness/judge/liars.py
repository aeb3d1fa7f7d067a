"""Judge processes that misbehave. Torch is not needed for that, so they start at once."""

from __future__ import annotations

import os
import socket

import msgspec

from fitness.judge import wire
from fitness.judge.messages import Fingerprint, FromJudge, Judged, Ready, Unfit

FINGERPRINT = Fingerprint(
    name="lie",
    arch="sm_90",
    backend="cuda",
    index=0,
    uuid="",
    units=1,
    memory_bytes=1,
    driver="0",
    torch="0",
    triton="0",
)


def _opened(stream: socket.socket) -> None:
    """Take the device, and hear the first question."""
    wire.receive(stream)
    _say(stream, Ready(FINGERPRINT, 1.0))
    wire.receive(stream)


def _say(stream: socket.socket, message: FromJudge) -> None:
    stream.sendall(wire.framed(msgspec.msgpack.encode(message)))


def ends_at_once(stream: socket.socket, engine: int) -> None:
    print("no module named torch")
    raise SystemExit(3)


def is_unfit(stream: socket.socket, engine: int) -> None:
    wire.receive(stream)
    _say(stream, Unfit("RuntimeError: invalid device ordinal"))


def talks_nonsense(stream: socket.socket, engine: int) -> None:
    _opened(stream)
    stream.sendall(wire.framed(b"nonsense"))
    wire.receive(stream)


def answers_another(stream: socket.socket, engine: int) -> None:
    _opened(stream)
    _say(stream, Judged(number=999, checks=2, repeats=True, timings=(), held_seconds=0.0))
    wire.receive(stream)


def cuts_off(stream: socket.socket, engine: int) -> None:
    _opened(stream)
    stream.sendall(wire.HEADER.pack(100) + b"half")
    os._exit(0)


def hangs_up(stream: socket.socket, engine: int) -> None:
    _opened(stream)
    os._exit(7)
