"""A job reaches neither the network, nor files, nor other processes, nor the kernel's sharper tools."""

import asyncio
import os
import platform
import socket
import sysconfig
from pathlib import Path

import pytest
from rooms import LIMITS, Bench, room_processes

from fitness.sandbox import Ending

SECRET = "sk-a-secret-of-the-engine"
NUMBERS = {
    "x86_64": {
        "bpf": 321,
        "userfaultfd": 323,
        "perf_event_open": 298,
        "keyctl": 250,
        "add_key": 248,
        "init_module": 175,
        "open_by_handle_at": 304,
        "memfd_create": 319,
        "personality": 135,
        "seccomp": 317,
        "reboot": 169,
        "kexec_load": 246,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "ptrace": 101,
        "socket": 41,
        "socketpair": 53,
        "setns": 308,
        "pivot_root": 155,
        "chroot": 161,
        "mount": 165,
        "unshare": 272,
        "vfork": 58,
        "execveat": 322,
        "shmget": 29,
        "mq_open": 240,
        "chown": 92,
        "setpriority": 141,
    },
    "aarch64": {
        "bpf": 280,
        "userfaultfd": 282,
        "perf_event_open": 241,
        "keyctl": 219,
        "add_key": 217,
        "init_module": 105,
        "open_by_handle_at": 265,
        "memfd_create": 279,
        "personality": 92,
        "seccomp": 277,
        "reboot": 142,
        "kexec_load": 104,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "ptrace": 117,
        "socket": 198,
        "socketpair": 199,
        "setns": 268,
        "pivot_root": 41,
        "chroot": 51,
        "mount": 40,
        "unshare": 97,
        "execveat": 281,
        "shmget": 194,
        "mq_open": 180,
        "setpriority": 140,
    },
}[platform.machine()] | {
    "io_uring_setup": 425,
    "pidfd_getfd": 438,
    "pidfd_open": 434,
    "landlock_create_ruleset": 444,
    "process_madvise": 440,
    "mount_setattr": 442,
    "open_tree": 428,
    "fsopen": 430,
}
HEAD = """
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *words):
    result = libc.syscall(number, *[ctypes.c_long(w) for w in words])
    if result < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
"""


def refused(bench: Bench, source: str) -> str:
    """Run a job that must fail with a PermissionError, FileNotFoundError or the like; return what it says."""
    outcome = bench.run(HEAD + source)
    assert outcome.ending is Ending.RAISED, outcome
    assert "Error: [Errno" in outcome.detail, outcome.detail
    assert bench.idles()
    return outcome.detail


def test_host_name_is_not_told(bench: Bench) -> None:
    assert bench.run("import os; answer = os.uname().nodename.encode()").payload == b"room"


def test_all_walls_stand_on_this_machine(bench: Bench) -> None:
    held = bench.isolation
    if held.problems:
        pytest.skip(f"this machine lacks some: {held.problems}")
    assert set(held.namespaces) == {"user", "mount", "net", "ipc", "pid", "uts"}
    assert held.seccomp
    assert held.view
    assert held.scratch == "tmpfs"
    assert held.landlock_abi > 0


@pytest.mark.parametrize("name", NUMBERS)
def test_system_call_is_refused(bench: Bench, name: str) -> None:
    assert "[Errno 1]" in refused(bench, f"call({NUMBERS[name]}, 0, 0, 0, 0, 0, 0)")


def test_clone3_is_absent_and_new_namespaces_are_refused(bench: Bench) -> None:
    assert "[Errno 38]" in refused(bench, "call(435, 0, 0)")
    clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    for flags in (17, 0x10000000 | 17, 0x00010000 | 0x20000, 0x4000 | 0x100 | 17):
        assert "[Errno 1]" in refused(bench, f"call({clone}, {flags}, 0, 0, 0, 0)")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 is a second table of x86_64")
def test_x32_is_refused(bench: Bench) -> None:
    assert "[Errno 1]" in refused(bench, "call(0x40000000 + 39)")


@pytest.mark.parametrize("option", [1, 4, 22, 24, 36, 47, 35])
def test_prctl_that_could_open_a_wall_is_refused(bench: Bench, option: int) -> None:
    refused(bench, f"if libc.prctl({option}, 1, 0, 0, 0) < 0: raise OSError(ctypes.get_errno(), 'prctl')")


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/etc/hostname",
        "/root",
        "/home",
        "/tmp",
        "/",
        "/proc/1/environ/../../2",
        "/proc/kcore",
        "/sys",
        "/dev/mem",
        "/proc/sys/kernel/core_pattern",
        "/dev/shm",
        "/run",
        str(Path(__file__).parents[3]),
        __file__,
        str(Path.home()),
    ],
)
def test_path_outside_cannot_be_read(bench: Bench, path: str) -> None:
    refused(bench, f"print(os.listdir({path!r}) if os.path.isdir({path!r}) else open({path!r}).read())")


def test_what_libraries_open_lazily_can_be_read(bench: Bench) -> None:
    purelib = sysconfig.get_path("purelib")
    outcome = bench.run(
        f"import os, wave, inspect, multiprocessing; inspect.getsource(wave); os.listdir({purelib!r}); "
        "open('/proc/self/status').read(); open('/dev/null', 'w').write('x'); os.urandom(3); "
        "os.makedirs('a/b'); open('a/b/c', 'w').write('x'); os.replace('a/b/c', 'a/b/d'); "
        "import tempfile; tempfile.mkdtemp(); answer = b'1'"
    )
    assert outcome.ending is Ending.FINISHED, outcome


@pytest.mark.parametrize(
    "folder",
    [
        "/",
        "/tmp",
        "/dev",
        "/usr/lib",
        "/dev/shm",
        sysconfig.get_path("purelib"),
        sysconfig.get_path("stdlib"),
    ],
)
def test_nothing_outside_scratch_can_be_written(bench: Bench, folder: str) -> None:
    refused(bench, f"open({folder!r} + '/planted', 'w')")
    refused(bench, f"os.mkdir({folder!r} + '/planted')")
    assert not Path(folder, "planted").exists()


def test_site_packages_cannot_be_changed(bench: Bench) -> None:
    import msgspec

    path = msgspec.__file__
    content = Path(path).read_bytes()
    for source in (
        f"open({path!r}, 'ab')",
        f"os.truncate({path!r}, 0)",
        f"os.unlink({path!r})",
        f"os.rename({path!r}, 'x')",
    ):
        refused(bench, source)
    bench.run(f"import os; os.chmod({path!r}, 0)")
    assert Path(path).read_bytes() == content
    assert Path(path).stat().st_mode & 0o400


def test_network_is_not_reached(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        refused(bench, f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=1)")
        refused(bench, "import socket; socket.socket(socket.AF_UNIX)")
        with pytest.raises(TimeoutError):
            server.accept()


def test_environment_holds_no_secret(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    fresh = Bench(bench.sandbox.room)
    source = f"""
import ctypes, os
pids = [{os.getpid()}, {os.getppid()}, os.getppid(), 1, *{list(room_processes())}]
seen = [str(dict(os.environ))]
for pid in pids:
    for name in ("environ", "cmdline", "mem"):
        try:
            seen.append(open(f"/proc/{{pid}}/{{name}}").read())
        except OSError:
            pass
memory = [line.split() for line in open("/proc/self/maps") if " rw" in line and "[v" not in line]
spans = [[int(end, 16) for end in words[0].split("-")] for words in memory]
name = bytes(reversed({SECRET[::-1]!r}.encode()))
found = sum(ctypes.string_at(low, high - low).count(name + b"\\0") for low, high in spans)
answer = ("\\n".join(seen) + "API_KEY-found" * (found > 3)).encode()
"""
    outcome = fresh.run(source)
    fresh.close()
    assert outcome.ending is Ending.FINISHED, outcome
    assert b"PYTHONHASHSEED" in outcome.payload
    assert SECRET.encode() not in outcome.payload
    assert b"API_KEY" not in outcome.payload


def test_other_processes_are_out_of_reach(bench: Bench) -> None:
    async def attack() -> list[str]:
        victim = asyncio.ensure_future(
            bench.sandbox.run(b"import time; time.sleep(0.8); answer = b'alive'", LIMITS)
        )
        await asyncio.sleep(0.3)
        targets = [os.getpid(), os.getppid(), *bench.processes()]
        assert len(targets) == 5
        outcomes = []
        for what in (
            "open(f'/proc/{pid}/mem', 'r+b')",
            "open(f'/proc/{pid}/environ')",
            "os.kill(pid, 9)",
            "os.kill(-pid, 9)",
            "call(PTRACE, 16, pid, 0, 0)",
            "os.listdir(f'/proc/{pid}/fd')",
            "os.sched_setaffinity(pid, {0})",
            "__import__('resource').prlimit(pid, 0)",
        ):
            tries = f"for pid in {targets}:\n try: {what}; done.append(pid)\n except OSError: pass"
            source = f"{HEAD}PTRACE = {NUMBERS['ptrace']}\ndone = []\n{tries}\nanswer = repr(done).encode()"
            outcomes.append(await bench.sandbox.run(source.encode(), LIMITS))
        assert (await victim).payload == b"alive"
        return [(o.payload or o.detail.encode()).decode() for o in outcomes]

    assert bench.await_(attack()) == ["[]"] * 8
    assert len(bench.processes()) == 1


def test_a_job_has_no_descriptor_but_its_own(bench: Bench) -> None:
    source = """
import os, stat
kinds = []
for fd in range(2048):
    try:
        kinds.append(stat.S_IFMT(os.fstat(fd).st_mode))
    except OSError:
        pass
names = {stat.S_IFCHR: 'null', stat.S_IFIFO: 'pipe'}
answer = ' '.join(names.get(k, hex(k)) for k in kinds).encode()
"""
    assert bench.run(source).payload == b"null pipe pipe pipe"
