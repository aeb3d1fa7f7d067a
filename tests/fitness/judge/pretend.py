"""A device made of the CPU, on which "binaries" are Python functions, and a task and plans to run there.

Everything of the judge is real but the device: memory, red zones, checks, the timing loop, the wire.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import msgspec
import torch

from evo.candidate import Kernel
from evo.task import Role, Task, Workload
from fitness.judge.driver import DriverError, Packed
from fitness.judge.messages import Ask, Checks, Fingerprint, Subject, Telemetry, TimingRules
from fitness.messages import NORMAL, Binary, Case
from fitness.plan import Allocate, Captured, Fill, KernelIR, Launch, Plan, View

REFERENCE = """
import torch

def make_inputs(workload, generator, device):
    return (torch.randn(workload.sizes["n"], generator=generator, device=device),)

def reference(x):
    return x + 1
"""
N = 64
SIZES = {"w": N, "t": 4 * N}


def task() -> Task:
    def workload(name: str, role: Role) -> Workload:
        return Workload(name=name, role=role, dtype="float32", sizes={"n": SIZES[name]}, bytes=1, flops=1)

    return Task(
        name="increment", instruction="", entry_point="f", level=1,
        workloads=(workload("w", Role.CHECK), workload("t", Role.TIME)), reference=REFERENCE, seed=Kernel(""),
    )  # fmt: skip


def floats(address: int, count: int) -> Any:
    return (ctypes.c_float * count).from_address(address)


class Broken:
    """Whether a kernel has broken the device's context."""

    def __init__(self) -> None:
        self.told = ""


def increment(x: int, y: int, n: int, broken: Broken) -> None:
    floats(y, n)[:] = [value + 1 for value in floats(x, n)]


def nothing(x: int, y: int, n: int, broken: Broken) -> None:
    pass


def twice(x: int, y: int, n: int, broken: Broken) -> None:
    for _ in range(2):
        increment(x, y, n, broken)
    time.sleep(2e-3)


def slow(x: int, y: int, n: int, broken: Broken) -> None:
    increment(x, y, n, broken)
    time.sleep(1e-3)


def beyond(x: int, y: int, n: int, broken: Broken) -> None:
    increment(x, y, n, broken)
    floats(y, n + 3)[n + 2] = 0.0


def before(x: int, y: int, n: int, broken: Broken) -> None:
    increment(x, y, n, broken)
    floats(x - 8, 1)[0] = 0.0


def modifies(x: int, y: int, n: int, broken: Broken) -> None:
    increment(x, y, n, broken)
    floats(x, n)[n - 1] = 5.0


def large_wrong(x: int, y: int, n: int, broken: Broken) -> None:
    """Right on the checked size only."""
    increment(x, y, n, broken)
    if n > N:
        floats(y, n)[n // 2] = 0.0


def careless(x: int, y: int, n: int, broken: Broken) -> None:
    """Right on normal inputs, on large numbers only where it is checked."""
    increment(x, y, n, broken)
    if n > N and max(map(abs, floats(x, n))) > 50:
        floats(y, n)[n // 2] = 0.0


def remembers(x: int, y: int, n: int, broken: Broken) -> None:
    """Leaves a result alone that is there already."""
    if floats(y, 1)[0] != floats(y, 1)[0] or abs(floats(y, 1)[0]) > 1e30:
        increment(x, y, n, broken)


def faults(x: int, y: int, n: int, broken: Broken) -> None:
    broken.told = "an illegal memory access was encountered"


def refused(x: int, y: int, n: int, broken: Broken) -> None:
    raise DriverError("cuLaunchKernel", "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701)")


def hoards(x: int, y: int, n: int, broken: Broken) -> None:
    raise torch.OutOfMemoryError("tried to allocate more than there is")


def hangs(x: int, y: int, n: int, broken: Broken) -> None:
    signal.pause()


def dies(x: int, y: int, n: int, broken: Broken) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


KERNELS: dict[str, Callable[[int, int, int, Broken], None]] = {
    each.__name__: each
    for each in (
        increment, nothing, twice, slow, beyond, before, modifies, large_wrong, careless, remembers, faults,
        refused, hoards, hangs, dies,
    )
}  # fmt: skip


class PretendKernel:
    def __init__(self, name: str, broken: Broken) -> None:
        self._function = KERNELS[name]
        self._broken = broken

    def launch(self, grid: tuple[int, int, int], packed: Packed) -> None:
        x, y, n, *hidden = (each.value for each in packed.values)
        assert hidden == [0, 0]
        self._function(x, y, n, self._broken)


class PretendClock:
    def __init__(self) -> None:
        self._at = [0.0, 0.0]

    def start(self) -> None:
        self._at[0] = time.perf_counter()

    def stop(self) -> None:
        self._at[1] = time.perf_counter()

    def milliseconds(self) -> float:
        return 1e3 * (self._at[1] - self._at[0])


class PretendMachine:
    def __init__(self, name: str = "cuda:0", memory_bytes: int = 1 << 30) -> None:
        torch.set_num_threads(1)  # tensors here are small, and other tests run beside these
        self.device = torch.device("cpu")
        self.fingerprint = Fingerprint(
            name=f"pretended {name}", arch="sm_90", backend="cuda", index=0, uuid="pretended",
            units=1, memory_bytes=memory_bytes, driver="0", torch=str(torch.__version__),
            triton="0",
        )  # fmt: skip
        self._broken = Broken()

    def load(self, binary: Binary) -> PretendKernel:
        return PretendKernel(binary.code.decode(), self._broken)

    def forget(self) -> None:
        pass

    def release(self) -> None:
        pass

    def clock(self) -> PretendClock:
        return PretendClock()

    def flush(self) -> None:
        pass

    def is_flushed_evenly(self) -> bool:
        return True

    def wait(self) -> None:
        if self._broken.told:
            raise RuntimeError(self._broken.told)

    def delay(self, microseconds: float) -> None:
        pass

    def memory_bytes(self) -> int:
        return self.fingerprint.memory_bytes

    def telemetry(self) -> Telemetry:
        return Telemetry()


def view(buffer: int, n: int) -> View:
    return View(buffer=buffer, offset=0, shape=(n,), stride=(1,), dtype="float32")


def with_huge_output(asked: Ask) -> Ask:
    """Return a request whose candidate gives more than any check workload asks for."""
    captured = tuple(
        Captured(
            workload=each.workload,
            alternatives=tuple(
                msgspec.structs.replace(
                    given, steps=(Allocate(1, 4 << 29), *given.steps[1:]), outputs=(view(1, 1 << 29),)
                )
                for given in each.alternatives
            ),
        )
        for each in asked.candidate.captured
    )
    return msgspec.structs.replace(
        asked, candidate=msgspec.structs.replace(asked.candidate, captured=captured)
    )


def plan(workload: str, kernel: str, choice: int = 0) -> Plan:
    """Return the plan of an entry point that allocates its output, fills it and launches one kernel."""
    n = SIZES[workload]
    return Plan(
        workload=workload, choice=choice, inputs=(view(0, n),), outputs=(view(1, n),),
        steps=(
            Allocate(1, 4 * n),
            Fill(view(1, 1), float("nan")),
            Launch(0, (1, 1, 1), (view(0, n), view(1, n), n)),
        ),
        kernels=(KernelIR(name=kernel, ttir=kernel, options={}),),
    )  # fmt: skip


def binary(kernel: str) -> Binary:
    return Binary(
        kernel=KernelIR(name=kernel, ttir=kernel, options={}).digest, name=kernel, code=kernel.encode(),
        warps=4, shared_bytes=0, registers=1, spills=0, scratch_bytes=0,
        parameters=("!tt.ptr<f32>", "!tt.ptr<f32>", "i32"),
    )  # fmt: skip


def subject(*kernels: str) -> Subject:
    """Return a kernel; more names than one are its autotune alternatives."""
    captured = tuple(
        Captured(workload=each, alternatives=tuple(plan(each, name, at) for at, name in enumerate(kernels)))
        for each in SIZES
    )
    return Subject(captured=captured, binaries=tuple(binary(name) for name in kernels))


COLD = TimingRules(blocks=6, fewest_blocks=4, seconds=60.0, short_us=0.0)
WARM = msgspec.structs.replace(COLD, short_us=1e9)


def request(*kernels: str, baseline: str = "increment", rules: TimingRules = COLD, number: int = 1) -> Ask:
    given = task()
    case = Case(given.workloads[0], NORMAL, 7)
    return Ask(
        number=number, task=given, mutated=(), candidate=subject(*kernels), baseline=subject(baseline),
        checks=(Checks(0, (case, msgspec.structs.replace(case, seed=8))),), seed=11, rules=rules,
    )  # fmt: skip
