"""The judge's process: one device, one request at a time, until the engine hangs up.

Run by the engine as `python -P -s -c BOOT`; speaks `fitness.judge.wire` on one stream socket. It imports all
it needs first and takes the device only when told to, so that a spare can wait without holding any of it.
"""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable

import msgspec

from evo.errors import KernevoError
from fitness.judge import wire
from fitness.judge.bench import Bench
from fitness.judge.gpu import Gpu, Machine
from fitness.judge.health import anchor_ms, sickness
from fitness.judge.messages import Ask, FromJudge, Open, Ready, Refused, ToJudge, Unfit
from fitness.judge.turns import exclusive
from fitness.sandbox import libc

ANCHOR_BYTES = 256 << 20


def main(stream: socket.socket, engine: int) -> None:
    """Serve the engine on a GPU."""
    libc.die_with_parent(engine)
    serve(stream, Gpu, ANCHOR_BYTES)


def serve(stream: socket.socket, opened: Callable[[str], Machine], anchor_bytes: int) -> None:
    """Take the device that the first message names, then answer requests.

    Args:
        stream: connected to the engine.
        opened: returns the machine of a device's name.
        anchor_bytes: size of the copy whose time tells how the device is.
    """

    def say(message: FromJudge) -> None:
        stream.sendall(wire.framed(msgspec.msgpack.encode(message)))

    first = _heard(stream)
    if not isinstance(first, Open):
        return
    try:
        machine = opened(first.device)
        sick = sickness(machine)  # which takes a while, for the first kernels are loaded here
        with exclusive(machine.fingerprint.uuid or "gpu"):
            anchor = anchor_ms(machine, anchor_bytes)
    except (RuntimeError, AssertionError, OSError, ValueError, KernevoError) as error:
        say(Unfit(f"{type(error).__name__}: {error}".partition("\n")[0]))
        return
    if sick:
        say(Unfit(sick))
        return
    bench = Bench(machine, say)
    say(Ready(machine.fingerprint, anchor))
    gc.collect()
    gc.freeze()
    gc.disable()
    while isinstance(request := _heard(stream), Ask):
        reply = bench.answer(request)
        say(reply)
        if isinstance(reply, Refused) and reply.ends:
            return
        gc.collect()


def _heard(stream: socket.socket) -> ToJudge | None:
    """Return the engine's next message; None once it has hung up."""
    payload = wire.receive(stream)
    return None if payload is None else msgspec.msgpack.decode(payload, type=ToJudge)
