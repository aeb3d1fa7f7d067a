"""The trusted process of one job: it starts the inmate, holds it to its limits and says how it ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from fitness.sandbox import libc, namespaces
from fitness.sandbox.contract import Fault, Finished, Limits
from fitness.sandbox.inmate import Channels, Handler, live
from fitness.sandbox.plan import Plan
from fitness.sandbox.watch import Pipes, Watch


def serve_job(handler: Handler, plan: Plan, limits: Limits, payload: int, reply: socket.socket) -> NoReturn:
    """Run one job in this process, a fork of the warm parent made for it; send one frame and exit."""
    try:
        answer(reply, supervise(handler, plan, limits, payload, reply))
    finally:
        if sys.exception() is not None:
            traceback.print_exc()
        os._exit(0)


def answer(reply: socket.socket, frame: Finished | Fault) -> None:
    """Send the one frame; an engine that no longer listens is no fault."""
    with contextlib.suppress(ConnectionError):
        reply.setblocking(True)
        reply.sendall(msgspec.msgpack.encode(frame))


def supervise(
    handler: Handler, plan: Plan, limits: Limits, payload: int, reply: socket.socket
) -> Finished | Fault:
    """Run one job; return how it ended. `payload` is a file descriptor. If the engine hangs up on `reply`,
    the job is killed.
    """
    libc.close_all_but({0, 1, 2, payload, reply.fileno()})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    parent = os.getppid()
    try:
        with _scratch(plan) as scratch:
            _isolate(plan)
            libc.die_with_parent(parent)
            return _start(handler, plan, limits, (payload, reply), scratch)
    except OSError as error:
        return Fault(f"a job could not be isolated: {error}")


def _isolate(plan: Plan) -> None:
    """Enter a user namespace and set up those that the next child is born into. This process stays outside
    of the child's own user and pid namespaces: the child can neither name nor signal it.
    """
    libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
    if plan.user:
        if plan.drop:
            namespaces.become_nobody()
        own_proc = namespaces.open_own_proc()
        namespaces.new_user_namespace(own_proc)
        os.close(own_proc)
    flags = 0
    for name in plan.namespaces:
        flags |= namespaces.FLAGS[name]
    if flags:
        libc.unshare(flags)
    if "uts" in plan.namespaces:
        socket.sethostname("room")


def _start(
    handler: Handler, plan: Plan, limits: Limits, ends: tuple[int, socket.socket], scratch: str
) -> Finished | Fault:
    payload, reply = ends
    result, result_end = os.pipe()
    printed, printed_end = os.pipe()
    status, status_end = os.pipe()
    inmate = os.fork()
    if inmate == 0:
        live(handler, plan, limits, Channels(payload, result_end, printed_end, status_end), scratch)
    for descriptor in (payload, result_end, printed_end, status_end):
        os.close(descriptor)
    pipes = Pipes(result, printed, status, reply.fileno())
    return Watch(inmate, pipes, limits, plan.may_spawn).until_the_end()


@contextlib.contextmanager
def _scratch(plan: Plan) -> Iterator[str]:
    """Yield where the scratch folder is; without a mount namespace, make one and remove it afterwards."""
    if plan.mounts:
        yield plan.scratch
        return
    folder = Path(plan.folder) / f"job-{os.getpid()}"
    folder.mkdir(mode=0o700)
    if plan.drop:
        os.chown(folder, namespaces.NOBODY, namespaces.NOBODY)
    try:
        yield str(folder)
    finally:
        remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a folder that a candidate filled. Folders inside are first moved to the top, so that no depth of
    nesting exhausts the stack, the descriptors or the longest path.
    """
    prefix = secrets.token_hex(8)
    pending = [folder]
    for here in pending:
        for entry in list(os.scandir(here)):
            if entry.is_dir(follow_symlinks=False):
                Path(entry.path).chmod(0o700)
                pending.append(Path(entry.path).rename(folder / f"{prefix}-{len(pending)}"))
            else:
                Path(entry.path).unlink()
        if here != folder:
            here.rmdir()
    folder.rmdir()
