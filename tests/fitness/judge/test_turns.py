"""Whose turn a device is: what is timed runs alone on it, a judge's anchor too."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading

import msgspec

from fitness.judge import wire
from fitness.judge.main import serve
from fitness.judge.messages import FromJudge, Open, Ready, ToJudge
from fitness.judge.turns import exclusive, turn
from tests.fitness.judge.pretend import PretendClock, PretendMachine

UUID = "of-this-test"


async def is_taken() -> bool:
    try:
        async with turn(UUID, 0):
            return False
    except TimeoutError:
        return True


class Timed(PretendMachine):
    """Notes whether its turn is taken whenever something is timed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.fingerprint = msgspec.structs.replace(self.fingerprint, uuid=UUID)
        self.taken: list[bool] = []

    def clock(self) -> PretendClock:
        self.taken.append(asyncio.run(is_taken()))
        return super().clock()


def test_one_has_its_turn_at_a_time() -> None:
    with exclusive(UUID):
        assert asyncio.run(is_taken())
    assert not asyncio.run(is_taken())


def test_a_judge_that_starts_measures_its_anchor_alone_on_the_device() -> None:
    machine = Timed("cuda:0")
    engine, judge = socket.socketpair()
    serving = threading.Thread(target=serve, args=(judge, lambda _: machine, 1 << 16))
    serving.start()
    message: ToJudge = Open("cuda:0")
    engine.sendall(wire.framed(msgspec.msgpack.encode(message)))
    reply = wire.receive(engine)
    engine.close()
    serving.join()
    judge.close()
    gc.enable()  # unlike a judge's process, this one goes on
    gc.unfreeze()
    assert reply is not None
    assert isinstance(msgspec.msgpack.decode(reply, type=FromJudge), Ready)
    assert machine.taken
    assert all(machine.taken)
