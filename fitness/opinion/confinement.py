"""What can be taken from a process that runs a model's Python on a GPU.

It needs the driver's devices and system calls of all kinds, which are not filtered, so the walls are lower
than those of a room: no network, no other process to reach, nothing to read but libraries and system files,
nothing to write but its scratch folder, the devices and its own threads' names, limits of CPU time and file
size. Where a machine forbids one of these the others still hold.

CUDA's driver names its threads through /proc/self/task, and gives up where it cannot: Landlock has a rule for
that, and a process namespace, whose processes have numbers of their own, a /proc of its own.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import sysconfig
from collections.abc import Iterator

from fitness.sandbox import landlock, libc, namespaces
from fitness.sandbox.plan import attempt, library_paths, mount_proc_in_child

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt", "/sys", "/proc")
LARGEST_FILE = 1 << 30
MOST_FILES = 4096
_SPACES = libc.CLONE_NEWNET | libc.CLONE_NEWIPC | libc.CLONE_NEWUTS


def enter_namespaces() -> None:
    """Go on as the first process of namespaces of its own; call it with one thread.

    The process that called waits for the one that goes on, and ends as that does; killed, it takes that and
    all that it started with it.
    """
    with_processes = attempt(_enter_with_processes) is None
    with contextlib.suppress(OSError):
        _unshare(_SPACES | libc.CLONE_NEWPID if with_processes else _SPACES)
    outer = os.getpid()
    inner = os.fork()
    if inner:
        _, status = os.waitpid(inner, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    libc.prctl(libc.PR_SET_PDEATHSIG, 9)
    if os.getppid() not in (0, outer):  # a parent outside of the namespace is 0
        os._exit(1)
    if with_processes:
        namespaces.own_mounts()
        namespaces.mount_proc()


def _enter_with_processes() -> None:
    """Leave the namespaces, that of processes too.

    Raises:
        OSError: this machine does not allow it, or no /proc that goes with it.
    """
    _unshare(_SPACES)
    mount_proc_in_child()


def _unshare(spaces: int) -> None:
    """Leave namespaces, in a user namespace where there may be one.

    Raises:
        OSError: this machine allows neither.
    """
    own_proc = namespaces.open_own_proc()
    try:
        namespaces.new_user_namespace(own_proc, spaces)
    except OSError:
        libc.unshare(spaces)
    finally:
        os.close(own_proc)


def confine(scratch: str, cpu_seconds: int) -> None:
    """Give up what running a kernel does not need; for good, and for all that is started from here."""
    os.chdir(scratch)
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, LARGEST_FILE),
        (resource.RLIMIT_NOFILE, MOST_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            _, hardest = resource.getrlimit(kind)
            most = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
            resource.setrlimit(kind, (most, most))
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(OSError):
        libc.drop_capabilities()
    abi = landlock.landlock_abi()
    if abi:
        landlock.restrict(abi, _rules(scratch))


def _rules(scratch: str) -> Iterator[tuple[str, int]]:
    """Yield what may be opened: paths and rights."""
    include = sysconfig.get_path("include")
    for path in {*library_paths(), *SYSTEM, include, f"{sys.prefix}/bin", f"{sys.base_prefix}/bin"}:
        yield path, landlock.RUN
    yield "/dev", landlock.DEVICE
    yield "/proc/self/task", landlock.ALTER_FILE
    yield scratch, landlock.OWN
