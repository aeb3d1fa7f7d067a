"""A job that says what it can do: what was planned must hold before the room serves."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from fitness.sandbox.contract import Ending, Fault, Finished, Isolation, Limits, Reply
from fitness.sandbox.plan import Plan
from fitness.sandbox.supervisor import serve_job

_LIMITS = Limits(
    cpu_seconds=10, wall_seconds=60, memory_bytes=1 << 28, output_bytes=1 << 16, scratch_bytes=1 << 20
)
_WANTED_STATUS = ("NoNewPrivs", "Seccomp", "CapEff")


class Findings(msgspec.Struct, frozen=True):
    """What a job saw of itself."""

    pid: int
    can_write_scratch: bool
    refused: dict[str, bool]


def look_around(_: bytes) -> bytes:
    """Try, inside a job, what a job must not be able to do. A handler like any other."""
    tries: dict[str, Callable[[], object]] = {
        "read": lambda: Path("/etc/passwd").read_bytes(),
        "socket": lambda: socket.socket(socket.AF_INET).close(),
        "fork": _fork,
    }
    refused = {name: _is_refused(step) for name, step in tries.items()}
    scratch = not _is_refused(lambda: Path("probe").write_bytes(b"x" * 10))
    return msgspec.msgpack.encode(Findings(os.getpid(), scratch, refused))


def examine(plan: Plan, threads: int) -> Isolation:
    """Run the probe as a job; return what holds. Raise OSError if it could not run or could do more than
    planned.
    """
    findings = _run(plan)
    expected = {
        "pid 1": (findings.pid == 1, "pid" in plan.namespaces),
        "reading outside": (findings.refused["read"], plan.view or plan.landlock_abi > 0),
        "sockets": (findings.refused["socket"], plan.seccomp),
        "fork": (findings.refused["fork"], plan.seccomp and not plan.may_spawn),
        "scratch": (findings.can_write_scratch, True),
    }
    broken = [name for name, (holds, wanted) in expected.items() if wanted and not holds]
    if broken:
        raise OSError(f"isolation was planned and does not hold in a job: {', '.join(broken)}")
    return _isolation(plan, threads)


def _isolation(plan: Plan, threads: int) -> Isolation:
    problems = list(plan.problems)
    if not plan.mounts:
        problems.append("scratch: a folder, in which single files are limited and their sum is not")
    if threads > 1:
        problems.append(
            f"threads: the warm parent has {threads}, a fork of it may inherit a lock that is held"
        )
    first = ("user",) * plan.user + ("mount",) * plan.mounts
    return Isolation(
        namespaces=first + plan.namespaces,
        landlock_abi=plan.landlock_abi,
        seccomp=plan.seccomp,
        scratch="tmpfs" if plan.mounts else "folder",
        view=plan.view,
        user="nobody" if plan.drop else "self" if os.geteuid() else "root",
        threads=threads,
        problems=tuple(problems),
    )


def _run(plan: Plan) -> Findings:
    ours, theirs = socket.socketpair()
    payload = os.memfd_create("probe")
    child = os.fork()
    if child == 0:
        serve_job(look_around, plan, _LIMITS, payload, theirs)
    theirs.close()
    os.close(payload)
    with ours.makefile("rb") as stream:
        frame = stream.read()
    ours.close()
    if not frame:
        raise OSError("the supervisor of the probe died")
    reply = msgspec.msgpack.decode(frame, type=Reply)
    if not isinstance(reply, Finished):
        raise OSError(reply.reason if isinstance(reply, Fault) else "the probe was not answered")
    outcome = reply.outcome
    if outcome.ending is not Ending.FINISHED:
        raise OSError(f"the probe ended as {outcome.ending}: {outcome.detail} {outcome.stderr_tail}")
    return msgspec.msgpack.decode(outcome.payload, type=Findings)


def _is_refused(step: Callable[[], object]) -> bool:
    try:
        step()
    except OSError:
        return True
    return False


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
