"""Faults on the device during a search: each is recorded as its status, and the search does not notice.

`python -m experiments.bench.judge_faults [--device cuda:0] [--faults N] [--out DIR]`. A measured search of
softmax is made twice. The second time, kernels that break the device's context, hang, misalign an access or
want all memory that there is are judged among its own, and judges are killed. Its own kernels are judged for
real as well, and must end as in the first; as two measurements are never equal, the search is then told the
first one's figures. DIR keeps both searches and how each fault ended: what was stopped goes on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from evo.candidate import Kernel
from evo.engine import Engine
from evo.evaluation import Evaluation, Source, Status
from evo.identity import lineage_digest
from evo.journal import JournalReader
from evo.loop import Search
from evo.protocols import Evaluator
from evo.records import Evaluated
from evo.task import Task
from experiments.bench.court import Court, judge_statuses, open_court
from experiments.bench.results import write_results
from experiments.bench.suite import session_in
from experiments.run_folder import JOURNAL, write_whole
from experiments.settings import parse_settings
from experiments.suites.loader import load_task

FAULTS = 40
OUT = Path("runs/judge_faults")
WALL_SECONDS = 5.0
SEARCH = """
task = "softmax"
[search]
seed = 0
evaluations_in_flight = 4
budget.evaluations = 60
[operators]
llm.models = []
[fitness]
target = "{arch}"
device = "{device}"
[tracking]
enabled = false
"""
HEAD = """
import torch
import triton
import triton.language as tl


@triton.jit
def work(x_ptr, y_ptr, n, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * n + at, mask=at < n, other=-float("inf")).to(tl.float32)
"""
TAIL = """
    y = tl.exp(x - tl.max(x, axis=0))
    tl.store(y_ptr + row * n + at, y / tl.sum(y, axis=0), mask=at < n)


def softmax(x):
    y = torch.empty_like(x)
    work[(x.shape[0],)](x, y, x.shape[1], BLOCK=triton.next_power_of_2(x.shape[1]))
    return y
"""
FAULTY = {
    "illegal_access": (
        "    far = (row.to(tl.int64) + 1) * (1 << 40)\n"
        "    tl.store(y_ptr + far + at, x.to(y_ptr.dtype.element_ty), mask=at < n)\n",
        Status.CRASHED,
    ),
    "misaligned": (
        "    wide = (x_ptr + 1).to(tl.pointer_type(tl.int64), bitcast=True)\n"
        "    x += (tl.load(wide + row) == 0).to(tl.float32)\n",
        Status.CRASHED,
    ),
    "hang": (
        "    while tl.load(x_ptr, volatile=True) == tl.load(x_ptr, volatile=True):\n"
        "        tl.debug_barrier()\n",
        Status.TIMEOUT,
    ),
    "out_of_memory": ("", Status.OUT_OF_RESOURCES),
    "killed_judge": ("", Status.PASSED),
}
"""What each kind of fault does within a correct kernel, and how its kernel must end."""


def faulty(kind: str, number: int, memory_bytes: int) -> Kernel:
    """Return a kernel with a fault, for a device of so much memory; no two are the same."""
    source = HEAD + FAULTY[kind][0] + TAIL
    if kind == "out_of_memory":
        source = source.replace(
            "y = torch.empty_like(x)",
            f"y = torch.empty_like(x)\n    torch.empty({memory_bytes}, dtype=torch.uint8, device=x.device)",
        )
    if kind == "killed_judge":
        source = source.replace("BLOCK=triton", f"num_warps={2 ** (1 + number % 3)}, BLOCK=triton")
    return Kernel(f"# fault {number}\n{source}")


class Met(msgspec.Struct, frozen=True):
    """A fault, and how its kernel ended."""

    kind: str
    status: Status
    seconds: float


class Disturbed:
    """An evaluator whose judge meets a fault beside every kernel, and whose figures are those of another."""

    def __init__(self, court: Court, first: Mapping[str, Evaluation], faults: int, folder: Path) -> None:
        """Tell what `first` says of kernels, by digest; keep in a folder what was met, and meet the rest."""
        inner = self._inner = court.evaluator()
        self._memory_bytes = court.fingerprint.memory_bytes
        self._first = first
        self._folder = folder
        self._faults = iter([number for number in range(faults) if not self._kept(number).exists()])
        self.source: Source = inner.source
        self.device: str = inner.device

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return what the first search was told, once this kernel was judged amid faults."""
        number = next(self._faults, None)
        fault = asyncio.create_task(self._meet(number, task)) if number is not None else None
        told = await self._inner.evaluate(kernel, task)
        if fault is not None:
            await fault
        before = self._first[kernel.digest]
        if told.status is not before.status:
            otherwise = f"{before.status} became {told.status}: {told.feedback[:200]}"
            write_whole(self._folder / f"otherwise-{kernel.digest}", otherwise)
        return before

    async def meet_the_rest(self, task: Task) -> None:
        """Inject the faults for which the search had no turn."""
        for number in self._faults:
            await self._meet(number, task)

    def met(self) -> list[Met]:
        """Return all faults that were met."""
        return [
            msgspec.json.decode(each.read_bytes(), type=Met)
            for each in sorted(self._folder.glob("fault-*.json"))
        ]

    def otherwise(self) -> list[str]:
        """Return how kernels of the search ended otherwise than in the first."""
        return [each.read_text() for each in sorted(self._folder.glob("otherwise-*"))]

    def _kept(self, number: int) -> Path:
        return self._folder / f"fault-{number:03}.json"

    async def _meet(self, number: int, task: Task) -> None:
        kind, began = list(FAULTY)[number % len(FAULTY)], time.monotonic()
        under_way = asyncio.create_task(self._inner.evaluate(faulty(kind, number, self._memory_bytes), task))
        if kind == "killed_judge":
            await asyncio.sleep(0.5)  # any moment will do
            for pid in judge_statuses():
                os.kill(pid, signal.SIGKILL)
        met = Met(kind, (await under_way).status, round(time.monotonic() - began, 2))
        write_whole(self._kept(number), msgspec.json.encode(met).decode())
        print(f"fault {number}, {kind}: {met.status} after {met.seconds:.1f} s", file=sys.stderr, flush=True)


async def searched(evaluator: Evaluator, arch: str, device: str, folder: Path) -> Engine:
    """Search until the budget is used; return the engine at the end."""
    text = SEARCH.format(arch=arch, device=device)
    session = session_in(folder, parse_settings(text, "the settings of the search amid faults"))
    with session.journal as journal:
        await Search(session.engine, evaluator, journal).run(session.settings.to_toml())
    return session.engine


def told_in(folder: Path) -> dict[str, Evaluation]:
    """Return what a search was told of each kernel, by digest."""
    with JournalReader(folder / JOURNAL) as journal:
        records = [entry.record for entry in journal.entries()]
    return {each.kernel: each.evaluation for each in records if isinstance(each, Evaluated) and each.kernel}


async def main(device: str, faults: int, out: Path) -> None:
    """Search twice, print and write the results."""
    task = load_task("softmax")
    async with open_court((device,), WALL_SECONDS) as court:
        folder, arch = court.folder(out), court.fingerprint.arch
        first = await searched(court.evaluator(), arch, device, folder / "calm")
        disturbed = Disturbed(court, told_in(folder / "calm"), faults, folder)
        second = await searched(disturbed, arch, device, folder / "disturbed")
        await disturbed.meet_the_rest(task)
        fingerprint = msgspec.to_builtins(court.fingerprint)
    met = disturbed.met()
    ended = Counter(f"{each.kind}: {each.status}" for each in met)
    digests = [lineage_digest(each.individuals.values()) for each in (first, second)]
    seconds = {kind: [each.seconds for each in met if each.kind == kind] for kind in FAULTY}
    figures: dict[str, Any] = {
        "device": fingerprint,
        "faults": len(met),
        "recorded": dict(sorted(ended.items())),
        "as_expected": sum(FAULTY[each.kind][1] is each.status for each in met),
        "kernels_of_the_search_that_ended_otherwise": disturbed.otherwise(),
        "evaluations": second.told,
        "best": second.elite.speedup if second.elite else None,
        "same_lineage": digests[0] == digests[1],
        "lineage": digests[1],
        "seconds_median": {kind: round(statistics.median(each), 1) for kind, each in seconds.items() if each},
    }
    for name, value in figures.items():
        print(f"{name:44} {value}")
    print(write_results("judge_faults", figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.judge_faults")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--faults", type=int, default=FAULTS)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(sys.argv[1:])
    asyncio.run(main(given.device, given.faults, given.out))
