"""The system call filter: an allow-list in classic BPF (seccomp(2), userspace-api/seccomp_filter.rst).

What is not allowed fails with EPERM, so that a library that merely tries goes on. Calls that newer C
libraries try first and fall back from fail with ENOSYS. Changes of mode and time stamps are answered "done"
and not made: they need no right that Landlock knows, and `shutil.copy` gives up without them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from fitness.sandbox import syscalls
from fitness.sandbox.libc import PR_SET_SECCOMP, machine, prctl

_FILTER_MODE = 2
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

_LOAD, _AND, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_RETURN_ALLOW, _RETURN_ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _FIRST_ARGUMENT = 0, 4, 16

_CLONE_THREAD = 0x00010000
_CLONE_REFUSED = 0x00008000 | 0x00020000 | 0x7E000000
"""CLONE_PARENT and every CLONE_NEW* (clone(2))."""

_PRCTL_ALLOWED = (3, 15, 16, 21, 23, 39, 41, 42, 0x53564D41)
"""Get dumpable, set and get name, get seccomp, read the bounding set, get no_new_privs, huge pages, name
memory.
"""
_IOCTL_ALLOWED = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)
"""Is it a terminal, its size, bytes to read, close-on-exec off and on."""
_FCNTL_REFUSED = (8, 15)
"""Set owner: sends signals to another process."""

_Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def filter_program(name: str, may_spawn: bool, own_pid: int) -> bytes:
    """Return the filter for a machine, x86_64 or aarch64, as an array of `struct sock_filter`.

    `own_pid` is the only process that may be signalled, unless the room may spawn.
    """
    column = 0 if name == "x86_64" else 1
    code: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[name]),
        _refuse(errno.EPERM),
    ]
    code.append((_LOAD, 0, 0, _NUMBER))
    if name == "x86_64":
        code += [(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), _refuse(errno.EPERM)]
    for call, block in _blocks(may_spawn, own_pid).items():
        number = _table()[call][column]
        if number is not None:
            code += [(_JUMP_EQUAL, 0, len(block), number), *block]
    code.append(_refuse(errno.EPERM))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def install(may_spawn: bool) -> None:
    """Filter this thread and all that it starts, for good. Needs no_new_privs."""
    program = filter_program(machine(), may_spawn, os.getpid())
    header = _Program(len(program) // 8, program)
    prctl(PR_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(header))


def _table() -> syscalls.Numbers:
    return _plain() | syscalls.CHECKED | syscalls.SPAWNING | syscalls.PRETENDED | syscalls.ABSENT


def _plain() -> syscalls.Numbers:
    parts = (
        syscalls.FILES,
        syscalls.WAITING,
        syscalls.STORAGE,
        syscalls.SIGNALS,
        syscalls.THREADS,
        syscalls.SELF,
    )
    return {name: numbers for part in parts for name, numbers in part.items()}


def _blocks(may_spawn: bool, own_pid: int) -> dict[str, list[_Instruction]]:
    """Return what to do for each call that is known; each block ends with a return."""
    blocks = {name: [_ALLOW] for name in _plain()}
    blocks |= {name: [_refuse(0)] for name in syscalls.PRETENDED}
    blocks |= {name: [_refuse(errno.ENOSYS)] for name in syscalls.ABSENT}
    blocks["prctl"] = _only(0, _PRCTL_ALLOWED, errno.EPERM)
    blocks["ioctl"] = _only(1, _IOCTL_ALLOWED, errno.ENOTTY)
    blocks["fcntl"] = [
        _argument(1),
        *(i for c in _FCNTL_REFUSED for i in _if_equal(c, _refuse(errno.EPERM))),
        _ALLOW,
    ]
    blocks["prlimit64"] = _only(0, (0, own_pid), errno.EPERM)
    if may_spawn:
        blocks |= {name: [_ALLOW] for name in (*syscalls.SPAWNING, "kill", "tkill", "tgkill", "prlimit64")}
        blocks["clone"] = _clone(_CLONE_REFUSED, 0)
    else:
        blocks |= {name: _only(0, (own_pid,), errno.EPERM) for name in ("kill", "tgkill")}
        blocks["clone"] = _clone(_CLONE_REFUSED | _CLONE_THREAD, _CLONE_THREAD)
    return blocks


def _clone(mask: int, wanted: int) -> list[_Instruction]:
    return [_argument(0), (_AND, 0, 0, mask), *_if_equal(wanted, _ALLOW), _refuse(errno.EPERM)]


def _only(argument: int, values: tuple[int, ...], otherwise: int) -> list[_Instruction]:
    return [_argument(argument), *(i for v in values for i in _if_equal(v, _ALLOW)), _refuse(otherwise)]


def _if_equal(value: int, then: _Instruction) -> list[_Instruction]:
    return [(_JUMP_EQUAL, 0, 1, value), then]


def _argument(index: int) -> _Instruction:
    """Load the low word of an argument: both machines are little-endian, all that is checked is 32 bits
    wide.
    """
    return (_LOAD, 0, 0, _FIRST_ARGUMENT + 8 * index)


def _refuse(number: int) -> _Instruction:
    return (_RETURN, 0, 0, _RETURN_ERRNO | number)


_ALLOW: _Instruction = (_RETURN, 0, 0, _RETURN_ALLOW)
