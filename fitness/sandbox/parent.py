"""The warm parent of a room: imports the handler once, then forks a supervisor for every job it is sent.

Run by the engine as `python -P -s -c BOOT descriptor paths`; speaks on one SOCK_SEQPACKET socket. First
message in: an `Opening`; out: `Started` or `Fault`. Every further message in is a `Limits` with two
descriptors (SCM_RIGHTS, unix(7)): the payload as a sealed memfd, and the socket on which the engine waits
for one `Finished` or `Fault`.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import time
from pathlib import Path

import msgspec

from fitness.sandbox import libc, namespaces
from fitness.sandbox.contract import (
    MESSAGE_BYTES,
    Fault,
    Finished,
    Isolation,
    Limits,
    Opening,
    Outcome,
    Room,
    Started,
)
from fitness.sandbox.inmate import Handler, read_all, run_handler
from fitness.sandbox.loading import load
from fitness.sandbox.plan import DEVICES, Plan, make_plan
from fitness.sandbox.probe import examine
from fitness.sandbox.supervisor import answer, serve_job


def main(control: socket.socket, engine: int) -> None:
    """Open the room and serve until the engine hangs up."""
    libc.die_with_parent(engine)
    libc.prctl(libc.PR_SET_DUMPABLE, 0)
    opening = msgspec.msgpack.decode(control.recv(MESSAGE_BYTES), type=Opening)
    try:
        handler, plan, isolation = _open(opening)
    except (OSError, ImportError, ValueError) as error:
        control.send(msgspec.msgpack.encode(Fault(f"{type(error).__name__}: {error}"[: MESSAGE_BYTES // 2])))
        return
    control.send(msgspec.msgpack.encode(Started(isolation)))
    gc.collect()
    gc.freeze()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not message:
            return
        limits = msgspec.msgpack.decode(message, type=Limits)
        payload, reply = descriptors[0], socket.socket(fileno=descriptors[1])
        with reply:
            if plan is None:
                answer(reply, _run_here(handler, payload, limits))
            else:
                _fork(handler, plan, limits, payload, reply)


def _open(opening: Opening) -> tuple[Handler, Plan | None, Isolation]:
    room = opening.room
    if not room.isolated:
        return _warm(room), None, Isolation(threads=_threads(), problems=("none wanted: a trusted room",))
    plan = make_plan(opening.folder, room.may_spawn)
    if plan.view:
        namespaces.start_view(opening.folder)
    _enter_warm_up_folder(opening.folder)
    handler = _warm(room)
    os.chdir("/")
    if plan.view:
        namespaces.enter_view(opening.folder, plan.libraries, DEVICES)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    return handler, plan, examine(plan, _threads())


def _enter_warm_up_folder(folder: str) -> None:
    """Warm up in a folder of this room alone: rooms start side by side and their warm-ups write files."""
    warm = Path(folder) / "warm"
    warm.mkdir()
    os.chdir(warm)
    for name in ("TMPDIR", "TRITON_HOME"):
        os.environ[name] = str(warm)
    os.environ["TRITON_CACHE_DIR"] = str(warm / "triton")


def _warm(room: Room) -> Handler:
    handler: Handler = load(room.handler)
    if room.warm_up is not None:
        load(room.warm_up)()
    return handler


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _fork(handler: Handler, plan: Plan, limits: Limits, payload: int, reply: socket.socket) -> None:
    try:
        child = os.fork()
    except OSError as error:
        os.close(payload)
        answer(reply, Fault(f"fork: {error}"))
        return
    if child == 0:
        serve_job(handler, plan, limits, payload, reply)
    os.close(payload)


def _run_here(handler: Handler, payload: int, limits: Limits) -> Finished:
    """Run a trusted handler in this process; the engine watches the clock and kills this process at the
    limit.
    """
    wall, cpu = time.monotonic(), time.process_time()
    ending, body = run_handler(handler, read_all(payload))
    outcome = Outcome.of(ending, body, limits.output_bytes)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    return Finished(msgspec.structs.replace(outcome, cpu_seconds=cpu, wall_seconds=wall))
