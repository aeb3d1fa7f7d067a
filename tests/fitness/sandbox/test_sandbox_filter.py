"""The system call filter of both machines, run by an interpreter of classic BPF."""

import errno
import struct

import pytest

from fitness.sandbox import syscalls
from fitness.sandbox.seccomp import filter_program

ALLOW = 0x7FFF0000
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
MACHINES = sorted(ARCH)
PID = 77
EVERY = (
    syscalls.FILES | syscalls.WAITING | syscalls.STORAGE | syscalls.SIGNALS | syscalls.THREADS | syscalls.SELF
)


def judge(program: bytes, arch: int, number: int, *arguments: int) -> int:
    """Return what the filter answers to a call: 0 allowed, -1 pretended success, else the error number."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *(arguments + (0,) * 6)[:6])
    accumulator, at = 0, 0
    code = list(struct.iter_unpack("<HBBI", program))
    while True:
        operation, if_true, if_false, k = code[at]
        at += 1
        if operation == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, k)
        elif operation == 0x54:
            accumulator &= k
        elif operation in (0x15, 0x35):
            holds = accumulator == k if operation == 0x15 else accumulator >= k
            at += if_true if holds else if_false
        else:
            assert operation == 0x06
            return 0 if k == ALLOW else (k & 0xFFFF) or -1


def ask(machine: str, name: str, *arguments: int, spawn: bool = False) -> int:
    table = EVERY | syscalls.CHECKED | syscalls.SPAWNING | syscalls.PRETENDED | syscalls.ABSENT
    number = table[name][MACHINES.index(machine) ^ 1]
    if number is None:
        return errno.EPERM
    return judge(filter_program(machine, spawn, PID), ARCH[machine], number, *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_plain_calls_are_allowed_and_unknown_ones_refused(machine: str) -> None:
    for name, numbers in EVERY.items():
        if numbers[MACHINES.index(machine) ^ 1] is not None and name not in ("fcntl", "prlimit64"):
            assert ask(machine, name) == 0, name
    program = filter_program(machine, False, PID)
    assert judge(program, ARCH[machine], 999) == errno.EPERM
    assert all(ask(machine, name) == errno.ENOSYS for name in syscalls.ABSENT)
    assert ask(machine, "fchmod") == -1


@pytest.mark.parametrize("machine", MACHINES)
def test_foreign_machines_are_refused(machine: str) -> None:
    program = filter_program(machine, True, PID)
    for arch in (0x40000003, 0x40000028, ARCH[MACHINES[MACHINES.index(machine) ^ 1]]):
        assert all(judge(program, arch, number) == errno.EPERM for number in range(450))


def test_x32_is_refused() -> None:
    program = filter_program("x86_64", True, PID)
    assert all(judge(program, ARCH["x86_64"], 0x40000000 + number) == errno.EPERM for number in range(550))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("spawn", [False, True])
def test_processes_are_made_in_spawning_rooms_alone(machine: str, spawn: bool) -> None:
    expected = 0 if spawn else errno.EPERM
    thread = 0x00010000 | 0x800 | 0x100 | 0x200 | 0x400
    assert ask(machine, "clone", 17, spawn=spawn) == expected
    assert ask(machine, "clone", 0x4000 | 0x100 | 17, spawn=spawn) == expected
    assert ask(machine, "execve", spawn=spawn) == expected
    assert ask(machine, "wait4", spawn=spawn) == expected
    assert ask(machine, "clone", thread, spawn=spawn) == 0
    for flag in (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x8000):
        assert ask(machine, "clone", 17 | flag, spawn=spawn) == errno.EPERM
        assert ask(machine, "clone", thread | flag, spawn=spawn) == errno.EPERM


@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_that_matter_are_checked(machine: str) -> None:
    assert ask(machine, "kill", PID, 9) == 0
    assert ask(machine, "tgkill", PID, PID, 6) == 0
    for pid in (1, PID + 1, (1 << 32) - 1):
        assert ask(machine, "kill", pid, 9) == errno.EPERM
        assert ask(machine, "tgkill", pid, PID, 9) == errno.EPERM
        assert ask(machine, "prlimit64", pid) == errno.EPERM
    assert ask(machine, "tkill", PID) == errno.EPERM
    assert ask(machine, "prctl", 15) == 0
    assert ask(machine, "prctl", 4, 1) == errno.EPERM
    assert ask(machine, "ioctl", 1, 0x5401) == 0
    assert ask(machine, "ioctl", 1, 0x5412) == errno.ENOTTY
    assert ask(machine, "fcntl", 1, 3) == 0
    assert ask(machine, "fcntl", 1, 8) == errno.EPERM
