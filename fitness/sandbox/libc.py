"""System calls that Python 3.11 has no function for, through the C library; each raises OSError with its
name.
"""

from __future__ import annotations

import ctypes
import os
import platform

LIBRARY = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442
_AT_RECURSIVE = 0x8000
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522


def machine() -> str:
    """Return `x86_64` or `aarch64`; raise OSError on other machines, which have no table here."""
    name = platform.machine()
    if name not in _PIVOT_ROOT:
        raise OSError(f"rooms know the system calls of x86_64 and aarch64, this machine is {name!r}")
    return name


def checked(name: str, result: int) -> int:
    """Return what a call returned; raise OSError if that is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def syscall(name: str, number: int, *arguments: int | bytes | ctypes.Structure | None) -> int:
    """syscall(2): structures go by reference, integers as 64-bit words."""
    words = [
        ctypes.c_long(a) if isinstance(a, int) else ctypes.byref(a) if isinstance(a, ctypes.Structure) else a
        for a in arguments
    ]
    return checked(name, LIBRARY.syscall(ctypes.c_long(number), *words))


def unshare(flags: int) -> None:
    """unshare(2)."""
    checked(f"unshare({flags:#x})", LIBRARY.unshare(flags))


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    result = LIBRARY.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode() or None
    )
    checked(f"mount({source!r}, {target!r}, {kind!r}, {flags:#x})", result)


def unmount(target: str) -> None:
    """umount2(2) with MNT_DETACH."""
    checked(f"umount2({target!r})", LIBRARY.umount2(target.encode(), MNT_DETACH))


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def set_mount_flags(target: str, flags: int, recursive: bool = True) -> None:
    """mount_setattr(2), Linux 5.12: MS_RDONLY, MS_NOSUID, MS_NODEV and MS_NOEXEC have the same values
    there.
    """
    attributes = _MountAttributes(attr_set=flags)
    name = f"mount_setattr({target!r}, {flags:#x})"
    path, how = target.encode(), _AT_RECURSIVE if recursive else 0
    syscall(name, _MOUNT_SETATTR, -100, path, how, attributes, ctypes.sizeof(attributes))


def pivot_root_here(folder: str) -> None:
    """Make `folder` (a mount point) the root and let go of the old one: pivot_root(2), `pivot_root(".",
    ".")`.
    """
    os.chdir(folder)
    syscall("pivot_root", _PIVOT_ROOT[machine()], b".", b".")
    unmount(".")
    os.chdir("/")


def prctl(option: int, first: int, second: int = 0) -> None:
    """prctl(2)."""
    words = [ctypes.c_ulong(word) for word in (first, second, 0, 0)]
    checked(f"prctl({option}, {first})", LIBRARY.prctl(option, *words))


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    _fields_ = (("words", ctypes.c_uint32 * 6),)


def drop_capabilities() -> None:
    """Clear the ambient, effective, permitted and inheritable sets: capset(2), version 3."""
    prctl(PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header, sets = _CapabilityHeader(version=_CAPABILITY_VERSION_3, pid=0), _CapabilitySets()
    checked("capset", LIBRARY.capset(ctypes.byref(header), ctypes.byref(sets)))


def die_with_parent(parent: int) -> None:
    """PR_SET_PDEATHSIG SIGKILL, and leave at once if `parent` is already gone. Set it after every change of
    user: PR_SET_PDEATHSIG(2const) says that those clear it.
    """
    prctl(PR_SET_PDEATHSIG, 9)
    if os.getppid() != parent:
        os._exit(1)


def close_all_but(kept: set[int]) -> None:
    """Close every file descriptor from 0 on but `kept`: close_range(2)."""
    lowest = 0
    for number in sorted(kept):
        if number > lowest:  # an empty range would mean "to the last one" to close_range(2)
            os.closerange(lowest, number)
        lowest = number + 1
    os.closerange(lowest, 2**31 - 1)
