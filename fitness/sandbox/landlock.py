"""Landlock: what a process may open, by path (landlock(7) and the kernel's userspace-api/landlock.rst)."""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable

from fitness.sandbox.libc import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_MAKE_DEVICES = 1 << 6 | 1 << 11
READ = _READ_FILE | _READ_DIR
RUN = READ | _EXECUTE
DEVICE = READ | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
ALTER_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE
OWN = (1 << 15) - 1 & ~_EXECUTE & ~_MAKE_DEVICES
"""Everything under a folder but running programs from it and making device files."""

_FS_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FS_BITS_LATEST = 16
_TCP_BIND_AND_CONNECT = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def landlock_abi() -> int:
    """Return the kernel's Landlock ABI version, 0 if it has none or has it switched off."""
    try:
        return syscall("landlock_create_ruleset", _CREATE_RULESET, None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def restrict(abi: int, rules: Iterable[tuple[str, int]]) -> None:
    """Confine this thread and what it starts to `rules`: (path, rights) pairs; paths that do not exist are
    skipped.

    Also refuses TCP (ABI 4), signals and abstract sockets to processes outside (ABI 6). Needs no_new_privs.
    """
    handled = (1 << _FS_BITS.get(abi, _FS_BITS_LATEST)) - 1
    network = _TCP_BIND_AND_CONNECT if abi >= 4 else 0
    scoped = _ABSTRACT_SOCKETS_AND_SIGNALS if abi >= 6 else 0
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    attributes = _Ruleset(fs=handled, net=network, scoped=scoped)
    ruleset = syscall("landlock_create_ruleset", _CREATE_RULESET, attributes, size, 0)
    for path, rights in rules:
        _allow(ruleset, path, rights & handled)
    syscall("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(os.fstat(beneath).st_mode):
        rights &= _OF_FILES
    rule = _PathBeneath(allowed=rights, parent_fd=beneath)
    syscall(f"landlock_add_rule({path!r})", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    os.close(beneath)
