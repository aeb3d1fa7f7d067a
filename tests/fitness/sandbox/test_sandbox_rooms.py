"""Starting, dying, restarting; trusted rooms and rooms that may spawn."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import msgspec
import pytest
from rooms import LIMITS, Bench, only, parents, room_processes

from evo.errors import SandboxError
from fitness.sandbox import Ending, Limits, Room, Sandbox

HERE = Path(__file__).parent
PTXAS = Path(sysconfig.get_path("platlib")) / "triton/backends/nvidia/bin/ptxas"
needs_ptxas = pytest.mark.skipif(not PTXAS.exists(), reason="Triton's ptxas is not installed")


def test_warm_up_ran_in_the_parent(bench: Bench) -> None:
    assert bench.run("import worst; answer = repr(worst.warmed).encode()").payload == b"True"


def test_rooms_that_start_side_by_side_warm_up_in_folders_of_their_own() -> None:
    async def start_both() -> None:
        room = Room(name="writes", handler="writes:run", warm_up="writes:warm_up")
        async with Sandbox(room) as one, Sandbox(room) as other:
            outcomes = await asyncio.gather(one.run(b"1", LIMITS), other.run(b"2", LIMITS))
        assert [outcome.payload for outcome in outcomes] == [b"1", b"2"]

    asyncio.run(start_both())
    assert not Path("/warmed.txt").exists()
    assert not Path("warmed.txt").exists()


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        ("no_such_module:f", "no_such_module"),
        ("worst:missing", "has no 'missing'"),
        ("worst", "package.module:function"),
        ("worst:broken", "must be a function, it is a int"),
        ("dies:run", "it said"),
    ],
)
def test_room_that_cannot_start_says_why_in_one_line(handler: str, message: str) -> None:
    with pytest.raises(SandboxError, match=r"room 'bad' cannot start: ") as caught:
        Bench(Room(name="bad", handler=handler))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert only(len(parents()))


def test_limits_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="cpu_seconds is 0"):
        Limits(0, 1, 1, 1, 1)


def test_dead_parent_is_restarted_and_its_jobs_run_again() -> None:
    others = parents()
    bench = Bench(Room(name="mortal", handler="worst:run"))
    (victim,) = set(parents()) - set(others)

    async def scenario() -> list[bytes]:
        jobs = [
            asyncio.ensure_future(bench.sandbox.run(b"import time; time.sleep(0.5); answer = b'1'", LIMITS))
            for _ in range(5)
        ]
        await asyncio.sleep(0.2)
        os.kill(victim, signal.SIGKILL)
        return [(await job).payload for job in jobs]

    assert bench.await_(scenario()) == [b"1"] * 5
    assert only(len(others) + 1)
    bench.close()
    assert only(len(others))


def test_parent_that_dies_twice_is_a_sandbox_error() -> None:
    others = parents()
    bench = Bench(Room(name="doomed", handler="worst:run"))

    async def scenario() -> None:
        job = asyncio.ensure_future(bench.sandbox.run(b"import time; time.sleep(3)", LIMITS))
        while not job.done():
            await asyncio.sleep(0.05)
            for pid in [p for p, parent in room_processes().items() if parent in parents()]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await job

    with pytest.raises(SandboxError, match="room 'doomed' failed a job 2 times"):
        bench.await_(scenario())
    bench.close()
    assert only(len(others))


def test_engine_killed_takes_everything_along() -> None:
    source = f"""
import asyncio, sys
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parents[2])!r}]
from rooms import *
async def main():
    async with Sandbox(Room(name="orphan", handler="worst:run")) as sandbox:
        limits = Limits(60, 60, 1 << 28, 999, 999)
        job = asyncio.ensure_future(sandbox.run(b"import time; time.sleep(60)", limits))
        await asyncio.sleep(0.2)
        print("running", flush=True)
        await job
asyncio.run(main())
"""
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen(
            [sys.executable, "-c", source], stdout=subprocess.PIPE, env={"TMPDIR": folder}, cwd="/"
        ) as engine:
            assert engine.stdout is not None
            assert engine.stdout.readline() == b"running\n"
            assert len(room_processes(engine.pid)) == 3
            engine.kill()
        assert only(0, engine.pid)


def test_trusted_room_runs_jobs_in_its_own_process_one_at_a_time() -> None:
    others = parents()
    bench = Bench(Room(name="oracle", handler="worst:run", isolated=False, environment={"ORACLE": "yes"}))
    assert "trusted" in bench.isolation.problems[0]
    source = "import os, builtins as b; b.count = getattr(b, 'count', 0) + 1"
    source += "; answer = f'{b.count} {os.environ[\"ORACLE\"]}'.encode()"
    assert [bench.run(source).payload for _ in range(2)] == [b"1 yes", b"2 yes"]
    assert bench.run("1/0").ending is Ending.RAISED
    assert bench.run("answer = bytes(1 << 20)").ending is Ending.OVERSIZED
    late = bench.run("while True: pass", msgspec.structs.replace(LIMITS, wall_seconds=0.3))
    assert (late.ending, late.detail) == (Ending.TIMEOUT, "wall limit: 0.3 s have passed")
    assert bench.run(source).payload == b"1 yes"
    with pytest.raises(SandboxError, match="died"):
        bench.run("import os; os._exit(3)")
    assert bench.run(source).payload == b"1 yes"
    bench.close()
    assert only(len(others))


@needs_ptxas
def test_spawning_room_runs_programs_from_site_packages(spawning: Bench) -> None:
    outcome = spawning.run(
        f"import subprocess; answer = subprocess.check_output([{str(PTXAS)!r}, '--version'])"
    )
    assert b"NVIDIA" in outcome.payload, outcome


SPAWNED = {
    "daemon": "import os, time\nif os.fork() == 0: os.fork() or time.sleep(60); os._exit(0)\nanswer = b'1'",
    "burning children": "import os\nfor _ in range(3): os.fork()\nwhile True: pass",
    "fork bomb": "import os\nwhile True: os.fork()",
    "burning child": "import os, time\nif os.fork() == 0:\n while True: pass\ntime.sleep(60)",
}


@pytest.mark.parametrize("name", SPAWNED)
def test_spawned_processes_are_counted_and_killed(spawning: Bench, name: str) -> None:
    limits = msgspec.structs.replace(LIMITS, cpu_seconds=0.5, wall_seconds=20)
    began = time.monotonic()
    outcome = spawning.run(SPAWNED[name], limits)
    assert time.monotonic() - began < 10
    assert outcome.ending in (
        {Ending.FINISHED} if name == "daemon" else {Ending.TIMEOUT, Ending.RAISED, Ending.CRASHED}
    )
    if "burning" in name:
        assert "CPU limit" in outcome.detail
        assert outcome.cpu_seconds > 0.4
    assert only(len(parents())), room_processes()
    assert spawning.run("answer = b'good'").payload == b"good"


@needs_ptxas
def test_spawning_room_still_refuses_what_no_compiler_needs(spawning: Bench) -> None:
    for source in (
        "import socket; socket.socket()",
        "open('/etc/passwd')",
        "import os; os.execv('/bin/sh', ['sh'])",
        "import os; os.open('/usr/lib/planted', os.O_CREAT | os.O_WRONLY)",
    ):
        assert spawning.run(source).ending is Ending.RAISED
    copied = "import shutil, os; shutil.copyfile(%r, 'p'); os.chmod('p', 0o755); os.execv('./p', ['p'])"
    assert (
        "PermissionError"
        in spawning.run(copied % str(PTXAS), msgspec.structs.replace(LIMITS, scratch_bytes=1 << 26)).detail
    )


def test_closed_room_starts_again() -> None:
    async def scenario() -> bytes:
        sandbox = Sandbox(Room(name="again", handler="worst:run"))
        await sandbox.start()
        await sandbox.close()
        async with sandbox:
            return (await sandbox.run(b"answer = b'1'", LIMITS)).payload

    assert asyncio.run(scenario()) == b"1"
