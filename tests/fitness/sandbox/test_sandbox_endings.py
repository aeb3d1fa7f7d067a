"""Whatever a job does, it ends as an outcome within its limits and leaves nothing behind."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

import msgspec
import pytest
from rooms import LIMITS, Bench

from fitness.sandbox import Ending

LITTLE_CPU = msgspec.structs.replace(LIMITS, cpu_seconds=0.2, wall_seconds=20)
LITTLE_TIME = msgspec.structs.replace(LIMITS, wall_seconds=0.5)
MUCH_TIME = msgspec.structs.replace(LIMITS, wall_seconds=20)

BEHAVIOURS = {
    "good": ("answer = b'good'", Ending.FINISHED, ""),
    "empty": ("answer = b''", Ending.FINISHED, ""),
    "raises": ("1/0", Ending.RAISED, "ZeroDivisionError: division by zero"),
    "syntax": ("def", Ending.RAISED, "SyntaxError"),
    "no bytes": ("answer = 'text'", Ending.RAISED, "must return bytes, it returned str"),
    "bytes subclass": ("class B(bytes): pass\nanswer = B(b'1')", Ending.RAISED, "it returned B"),
    "SystemExit": ("raise SystemExit(0)", Ending.RAISED, "SystemExit: 0"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", Ending.RAISED, "KeyboardInterrupt"),
    "long message": ("raise ValueError('x' * 10**6)", Ending.RAISED, "ValueError: xxx"),
    "hostile str": (
        "class E(Exception):\n def __str__(self): import os; os._exit(0)\nraise E",
        Ending.CRASHED,
        "status 0 and no result",
    ),
    "os._exit(0)": ("import os; os._exit(0)", Ending.CRASHED, "exited with status 0 and no result"),
    "prints success": (
        "import os; print('PASSED', flush=True); os._exit(0)",
        Ending.CRASHED,
        "exited with status 0 and no result",
    ),
    "segfault": ("import ctypes; ctypes.string_at(0)", Ending.CRASHED, "SIGSEGV"),
    "abort": ("import os; os.abort()", Ending.CRASHED, "died of SIG"),
    "recursion": ("def f(): f()\nf()", Ending.RAISED, "RecursionError"),
    "deep recursion": (
        "import ctypes, sys; sys.setrecursionlimit(10**9)\ndef f(a): return f(*[a])\nclass A:\n"
        " def __repr__(self): return repr(self)\ntry: repr(A())\nexcept RecursionError: ctypes.string_at(0)",
        Ending.CRASHED,
        "SIGSEGV",
    ),
    "sleeps": ("import time; time.sleep(60)", Ending.TIMEOUT, "wall limit: 0.5 s"),
    "burns": ("while True: pass", Ending.TIMEOUT, "CPU limit"),
    "burns in threads": (
        "import threading, hashlib, time\ndef burn(): [hashlib.sha256(bytes(10**7)) for _ in range(99)]\n"
        "for _ in range(4): threading.Thread(target=burn).start()\ntime.sleep(60)",
        Ending.TIMEOUT,
        "CPU limit",
    ),
    "ignores signals": (
        "import signal, contextlib\nfor s in range(1, 65):\n with contextlib.suppress(OSError, ValueError):"
        " signal.signal(s, signal.SIG_IGN)\nwhile True: pass",
        Ending.TIMEOUT,
        "CPU limit",
    ),
    "thread left": (
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); answer = b'1'",
        Ending.FINISHED,
        "",
    ),
    "many threads": (
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()",
        Ending.RAISED,
        "can't start new thread",
    ),
    "100 GB": ("bytearray(10**11)", Ending.OUT_OF_MEMORY, "MemoryError"),
    "slow 100 GB": ("x = []\nwhile True: x.append(bytes(10**6))", Ending.OUT_OF_MEMORY, "MemoryError"),
    "1 GB printed": ("[print('x' * (1 << 20)) for _ in range(1000)]", Ending.OVERSIZED, "printed more"),
    "1 GB written to stderr": (
        "import os\nwhile True: os.write(2, bytes(10**6))",
        Ending.OVERSIZED,
        "printed more",
    ),
    "big result": (
        "answer = bytes(1 << 20)",
        Ending.OVERSIZED,
        "a result may have 65536 bytes, this one has 1048576",
    ),
    "fills scratch": (
        "for i in range(99): open(str(i), 'wb').write(bytes(10**5))",
        Ending.RAISED,
        "No space left on device",
    ),
    "big file": ("open('f', 'wb').write(bytes(1 << 22))", Ending.RAISED, "File too large"),
    "many files": ("for i in range(10**5): open(str(i), 'w')", Ending.RAISED, "No space left"),
    "closes all": (
        "import os; os.closerange(0, 999); import time; time.sleep(60)",
        Ending.TIMEOUT,
        "wall limit",
    ),
    "closes all and returns": (
        "import os; os.closerange(0, 999); answer = b'1'",
        Ending.CRASHED,
        "no result",
    ),
    "floods every pipe": (
        "import os, contextlib\nwhile True:\n for fd in range(3, 20):\n"
        "  with contextlib.suppress(OSError): os.write(fd, bytes([9]) * 4096)",
        Ending.CRASHED,
        "sent what is no result",
    ),
    "announces too much": (
        "import os, contextlib\nfor fd in range(3, 20):\n"
        " with contextlib.suppress(OSError): os.write(fd, bytes([0]) + bytes([255]) * 8)",
        Ending.OVERSIZED,
        "a result may have",
    ),
    "half a result": (
        "import os, contextlib\nfor fd in range(3, 20):\n"
        " with contextlib.suppress(OSError): os.write(fd, bytes([0, 100]) + bytes(20))\nos._exit(0)",
        Ending.CRASHED,
        "half a result",
    ),
    "kills everyone": ("import os, time; os.kill(-1, 9)", Ending.RAISED, "PermissionError"),
    "kills itself": (
        "import os, time; os.kill(os.getpid(), 9); time.sleep(60)",
        Ending.TIMEOUT,
        "wall limit",
    ),
    "stops itself": (
        "import os, time; os.kill(os.getpid(), 19); time.sleep(60)",
        Ending.TIMEOUT,
        "wall limit",
    ),
    "forks": ("import os; os.fork()", Ending.RAISED, "PermissionError"),
    "spawns": ("import subprocess; subprocess.run(['/bin/true'])", Ending.RAISED, "Error"),
    "daemonises": ("import os; os.fork() or os.setsid() or os.fork()", Ending.RAISED, "PermissionError"),
}


def room_folders() -> list[Path]:
    return sorted(Path(tempfile.gettempdir()).glob(f"kernevo-room-{os.getpid()}-*"))


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_behaviour_ends_as_an_outcome_and_leaves_nothing(bench: Bench, name: str) -> None:
    source, ending, detail = BEHAVIOURS[name]
    files = room_folders()
    limits = {"wall": LITTLE_TIME, "CPU ": LITTLE_CPU}.get(detail[:4], MUCH_TIME)
    began = time.monotonic()
    outcome = bench.run(source, limits)
    assert time.monotonic() - began < 10
    assert outcome.ending is ending, outcome
    assert detail in outcome.detail
    assert len(outcome.detail) < 10_000
    assert len(outcome.stderr_tail) <= 4096
    assert bench.idles(), bench.processes()
    assert room_folders() == files
    assert bench.run("answer = b'still good'").payload == b"still good"


def test_finished_job_says_what_it_used(bench: Bench) -> None:
    outcome = bench.run(
        "import time\nwhile time.process_time() < 0.25: pass\ntime.sleep(0.2)\nprint('said')\nanswer = b'1'"
    )
    assert outcome.ending is Ending.FINISHED
    assert 0.1 < outcome.cpu_seconds < 0.5
    assert outcome.wall_seconds > 0.3
    assert outcome.max_rss > 1 << 20
    assert outcome.stderr_tail == "said\n"


def test_cpu_limit_is_finer_than_a_second(bench: Bench) -> None:
    outcome = bench.run("while True: pass", msgspec.structs.replace(LITTLE_CPU, cpu_seconds=0.1))
    assert outcome.ending is Ending.TIMEOUT
    assert 0.1 <= outcome.cpu_seconds < 0.3


def test_payload_and_result_of_many_bytes(bench: Bench) -> None:
    limits = msgspec.structs.replace(LIMITS, output_bytes=20 << 20)
    source = f"text = '{'y' * (8 << 20)}'; answer = text.encode() * 2"
    assert bench.run(source, limits).payload == b"y" * (16 << 20)


def test_jobs_run_at_once_and_a_bad_one_harms_no_sibling(bench: Bench) -> None:
    sources = [
        "import time; time.sleep(0.5); open('mine', 'x'); answer = b'good'",
        "import ctypes; ctypes.string_at(0)",
    ]
    sources += ["while True: pass", "x = []\nwhile True: x.append(bytes(10**6))", "import os; os.kill(-1, 9)"]

    async def together() -> list[Ending]:
        jobs = [bench.sandbox.run(source.encode(), LITTLE_CPU) for source in sources * 2]
        return [outcome.ending for outcome in await asyncio.gather(*jobs)]

    expected = [Ending.FINISHED, Ending.CRASHED, Ending.TIMEOUT, Ending.OUT_OF_MEMORY, Ending.RAISED]
    assert bench.await_(together()) == expected * 2
    assert bench.idles()


def test_fifty_jobs_leak_no_descriptors(bench: Bench) -> None:
    def open_descriptors() -> list[int]:
        (parent,) = bench.processes()
        folders = [Path("/proc/self/fd")] + ([Path(f"/proc/{parent}/fd")] if os.geteuid() == 0 else [])
        return [len(list(folder.iterdir())) for folder in folders]

    async def fifty() -> None:
        await asyncio.gather(*(bench.sandbox.run(b"answer = b'1'", LIMITS) for _ in range(50)))

    assert bench.idles()
    before = open_descriptors()
    bench.await_(fifty())
    assert bench.idles()
    assert open_descriptors() == before


def test_cancelled_job_is_killed(bench: Bench) -> None:
    async def cancel() -> None:
        task = asyncio.ensure_future(
            bench.sandbox.run(
                b"import time; time.sleep(60)", msgspec.structs.replace(LIMITS, wall_seconds=60)
            )
        )
        await asyncio.sleep(0.2)
        assert len(bench.processes()) == 3
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    bench.await_(cancel())
    assert bench.idles()


def test_scratch_is_empty_and_new_for_every_job(bench: Bench) -> None:
    source = "import os; seen = os.listdir('.'), os.getcwd() == os.environ['HOME']; open('x', 'w')"
    source += "; answer = repr(seen).encode()"
    assert [bench.run(source).payload for _ in range(2)] == [b"([], True)"] * 2


def test_what_a_job_writes_is_not_seen_outside(bench: Bench) -> None:
    if not bench.isolation.view:
        pytest.skip("this machine has no views")
    before = room_folders()
    fresh = Bench(bench.sandbox.room)
    fresh.run("open('secret', 'w').write('x')")
    assert room_folders() == before
    fresh.close()
