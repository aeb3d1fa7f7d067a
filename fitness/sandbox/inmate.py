"""The process in which untrusted code runs: it confines itself, then reads the payload, then runs the
handler.
"""

from __future__ import annotations

import errno
import faulthandler
import math
import os
import resource
import signal
import struct
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from fitness.sandbox import landlock, libc, namespaces, seccomp
from fitness.sandbox.contract import Ending, Limits
from fitness.sandbox.plan import DEVICES, Plan

Handler = Callable[[bytes], bytes]

READY = b"+"
HEADER = struct.Struct("<BQ")
"""Before each result: an index into `KINDS`, and its length."""
KINDS = (Ending.FINISHED, Ending.RAISED, Ending.OUT_OF_MEMORY)
MESSAGE_LIMIT = 6000
_PROCESSES, _SPAWNED_PROCESSES = 32, 128
_OPEN_FILES = 256
_PROC_PATHS = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys/vm/overcommit_memory")
"""Read by C libraries and torch; /proc is this job's own, so `self` is its first process and no other."""


class Channels(msgspec.Struct, frozen=True):
    """The inmate's file descriptors; there are no others."""

    payload: int
    result: int
    printed: int
    status: int


def live(handler: Handler, plan: Plan, limits: Limits, channels: Channels, scratch: str) -> NoReturn:
    """Confine this process, run the handler on the payload, send what it returned, exit."""
    try:
        _serve(handler, plan, limits, channels, scratch)
    finally:
        os._exit(0)


def _serve(handler: Handler, plan: Plan, limits: Limits, channels: Channels, scratch: str) -> None:
    try:
        _confine(plan, limits, channels, scratch)
    except (OSError, ValueError) as error:
        os.write(channels.status, str(error).encode() or b"?")
        return
    os.write(channels.status, READY)
    os.close(channels.status)
    ending, body = run_handler(handler, read_all(channels.payload))
    _flush()
    _send(channels.result, ending, body)


def run_handler(handler: Handler, payload: bytes) -> tuple[Ending, bytes]:
    """Return FINISHED and what the handler returned, or how it failed and the message. Never raises: this
    is the process boundary at which a candidate's exception, whatever it is, becomes data.
    """
    try:
        result = handler(payload)
        if type(result) is bytes:
            return Ending.FINISHED, result
        return Ending.RAISED, f"a handler must return bytes, it returned {type(result).__name__}".encode()
    except BaseException as error:  # noqa: BLE001  the process boundary
        return _ending_of(error), _describe(error)


def read_all(descriptor: int) -> bytes:
    """Return all of a file from its start, and close it."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _ending_of(error: BaseException) -> Ending:
    """torch reports a failed allocation as RuntimeError, the C library as ENOMEM."""
    exhausted = isinstance(error, MemoryError)
    exhausted |= isinstance(error, OSError) and error.errno == errno.ENOMEM
    exhausted |= type(error) is RuntimeError and "can't allocate memory" in str(error)
    return Ending.OUT_OF_MEMORY if exhausted else Ending.RAISED


def _describe(error: BaseException) -> bytes:
    """Return type and message first, then the innermost frames."""
    head = "".join(traceback.format_exception_only(error)).strip()
    beyond_this_file = error.__traceback__.tb_next if error.__traceback__ else None
    frames = "".join(traceback.format_tb(beyond_this_file, limit=-8))
    return f"{head[: MESSAGE_LIMIT // 2]}\n{frames[-MESSAGE_LIMIT // 2 :]}".strip().encode(errors="replace")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _send(descriptor: int, ending: Ending, body: bytes) -> None:
    rest = memoryview(HEADER.pack(KINDS.index(ending), len(body)) + body)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _confine(plan: Plan, limits: Limits, channels: Channels, scratch: str) -> None:
    """Take every right away that the plan names; the order is forced, each step needs what later ones
    remove.
    """
    os.setsid()
    for number in (signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    _redirect(channels)
    address_space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    own_proc = namespaces.open_own_proc()
    if plan.mounts:
        namespaces.own_mounts()
        namespaces.mount_scratch(scratch, limits.scratch_bytes)
        namespaces.mount_proc() if plan.proc else namespaces.cover_proc()
    if plan.user:
        namespaces.new_user_namespace(own_proc)
    elif plan.drop:
        namespaces.become_nobody()
    namespaces.offer_to_oom_killer(own_proc)
    os.close(own_proc)
    _settle_in(scratch)
    libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    libc.drop_capabilities()
    _limit(plan, limits, address_space)
    if plan.landlock_abi:
        landlock.restrict(plan.landlock_abi, _rules(plan, scratch))
    if plan.seccomp:
        seccomp.install(plan.may_spawn)


def _redirect(channels: Channels) -> None:
    """Standard input from /dev/null, output and error into the pipe, every other inherited descriptor
    closed.
    """
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.dup2(channels.printed, 1)
    os.dup2(channels.printed, 2)
    libc.close_all_but({0, 1, 2, channels.payload, channels.result, channels.status})
    faulthandler.enable(2)


def _settle_in(scratch: str) -> None:
    """Make the scratch folder the home, working, temporary and cache folder."""
    os.chdir(scratch)
    os.umask(0o077)
    for name in ("HOME", "TMPDIR", "TRITON_HOME"):
        os.environ[name] = scratch
    os.environ["TRITON_CACHE_DIR"] = f"{scratch}/triton"
    tempfile.tempdir = scratch


def _limit(plan: Plan, limits: Limits, address_space: int) -> None:
    """getrlimit(2). CPU is a backstop in whole seconds for the supervisor, which counts it finely."""
    cpu = math.ceil(limits.cpu_seconds) + 2
    values = {
        resource.RLIMIT_AS: address_space + limits.memory_bytes,
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_FSIZE: limits.scratch_bytes,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    if plan.user:
        values[resource.RLIMIT_NPROC] = _SPAWNED_PROCESSES if plan.may_spawn else _PROCESSES
    for kind, value in values.items():
        _, hardest = resource.getrlimit(kind)
        value = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
        resource.setrlimit(kind, (value, value))


def _rules(plan: Plan, scratch: str) -> list[tuple[str, int]]:
    """Return what the inmate may open: libraries to read, devices, a little of its own /proc, its scratch
    folder.
    """
    of_libraries = landlock.RUN if plan.may_spawn else landlock.READ
    rules = [(path, of_libraries) for path in plan.libraries]
    rules += [(path, landlock.ALTER_FILE) for path in DEVICES]
    rules.append((scratch, landlock.OWN))
    if plan.proc:
        rules += [(path, landlock.READ) for path in _PROC_PATHS]
    return rules
