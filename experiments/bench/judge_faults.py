"""Faults on the device during a search: each is recorded as its status, and the search does not notice.

`python -m experiments.bench.judge_faults [--device cuda:0] [--faults N]`. A measured search of softmax is
made twice. The second time, kernels that break the device's context, hang, misalign an access or want more
memory than there is are judged among its own, and judges are killed. Its own kernels are judged for real as
well, and must end as in the first; as two measurements are never equal, the search is then told the first
one's figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from evo.candidate import Kernel
from evo.engine import Engine
from evo.evaluation import Evaluation, Source, Status
from evo.identity import lineage_digest
from evo.journal import Journal
from evo.loop import Search
from evo.task import Task
from experiments.bench.court import Court, judge_statuses, open_court
from experiments.bench.results import write_results
from experiments.build import build_engine
from experiments.run_folder import JOURNAL
from experiments.settings import parse_settings
from experiments.suites.loader import load_task
from fitness.measured import MeasuredEvaluator
from fitness.settings import JudgeSettings

FAULTS = 40
JUDGED = JudgeSettings(wall_seconds=5.0)
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


def faulty(kind: str, number: int) -> Kernel:
    """Return a kernel with a fault; no two are the same."""
    source = HEAD + FAULTY[kind][0] + TAIL
    if kind == "out_of_memory":
        source = source.replace(
            "y = torch.empty_like(x)", "y = torch.empty_like(x)\n    torch.empty(1 << 40, dtype=torch.uint8)"
        )
    if kind == "killed_judge":
        source = source.replace("BLOCK=triton", f"num_warps={2 ** (1 + number % 3)}, BLOCK=triton")
    return Kernel(f"# fault {number}\n{source}")


class Disturbed:
    """An evaluator whose judge meets a fault beside every kernel, and whose figures are those of another."""

    def __init__(self, inner: MeasuredEvaluator, first: dict[Kernel, Evaluation], faults: int) -> None:
        self._inner = inner
        self._first = first
        self._faults: Iterator[int] = iter(range(faults))
        self.ended: list[tuple[str, Status]] = []
        self.seconds: dict[str, list[float]] = {kind: [] for kind in FAULTY}
        self.differing: list[str] = []
        self.source: Source = inner.source
        self.device: str = inner.device

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return what the first search was told, once this kernel was judged amid faults."""
        number = next(self._faults, None)
        fault = asyncio.create_task(self._meet(number, task)) if number is not None else None
        told = await self._inner.evaluate(kernel, task)
        if fault is not None:
            await fault
        before = self._first[kernel]
        if told.status is not before.status:
            self.differing.append(f"{before.status} became {told.status}: {told.feedback[:200]}")
        return before

    async def meet_the_rest(self, task: Task) -> None:
        """Inject the faults for which the search had no turn."""
        for number in self._faults:
            await self._meet(number, task)

    async def _meet(self, number: int, task: Task) -> None:
        kind, began = list(FAULTY)[number % len(FAULTY)], time.monotonic()
        under_way = asyncio.create_task(self._inner.evaluate(faulty(kind, number), task))
        if kind == "killed_judge":
            await asyncio.sleep(0.5)  # any moment will do
            for pid in judge_statuses():
                os.kill(pid, signal.SIGKILL)
        told = await under_way
        seconds = time.monotonic() - began
        self.ended.append((kind, told.status))
        self.seconds[kind].append(seconds)
        print(f"fault {number}, {kind}: {told.status} after {seconds:.1f} s", file=sys.stderr, flush=True)


class Remembering:
    """An evaluator that keeps what it said."""

    def __init__(self, inner: MeasuredEvaluator) -> None:
        self._inner = inner
        self.told: dict[Kernel, Evaluation] = {}
        self.source: Source = inner.source
        self.device: str = inner.device

    async def evaluate(self, kernel: Kernel, task: Task) -> Evaluation:
        """Return the verdict on a kernel."""
        self.told[kernel] = await self._inner.evaluate(kernel, task)
        return self.told[kernel]


async def searched(evaluator: Remembering | Disturbed, court: Court, device: str) -> Engine:
    """Search from the beginning; return the engine at the end."""
    text = SEARCH.format(arch=court.fingerprint.arch, device=device)
    settings = parse_settings(text, "the settings of the search amid faults")
    engine = build_engine(settings, load_task("softmax"))
    with tempfile.TemporaryDirectory() as folder, Journal.create(Path(folder) / JOURNAL) as journal:
        await Search(engine, evaluator, journal).run(settings.to_toml())
    return engine


async def main(device: str, faults: int) -> None:
    """Search twice, print and write the results."""
    task = load_task("softmax")
    async with open_court((device,)) as court:
        calm = Remembering(court.evaluator(JUDGED))
        first = await searched(calm, court, device)
        began = time.monotonic()
        disturbed = Disturbed(court.evaluator(JUDGED), calm.told, faults)
        second = await searched(disturbed, court, device)
        await disturbed.meet_the_rest(task)
        seconds = time.monotonic() - began
        fingerprint = msgspec.to_builtins(court.fingerprint)
    ended = Counter((kind, str(status)) for kind, status in disturbed.ended)
    digests = [lineage_digest(each.individuals.values()) for each in (first, second)]
    figures: dict[str, Any] = {
        "device": fingerprint,
        "faults": len(disturbed.ended),
        "recorded": {f"{kind}: {status}": count for (kind, status), count in sorted(ended.items())},
        "as_expected": sum(FAULTY[kind][1] is status for kind, status in disturbed.ended),
        "kernels_of_the_search_that_ended_otherwise": disturbed.differing,
        "evaluations": second.told,
        "best": second.elite.speedup if second.elite else None,
        "same_lineage": digests[0] == digests[1],
        "lineage": digests[1],
        "seconds": round(seconds, 1),
        "seconds_median": {
            kind: round(statistics.median(each), 1) for kind, each in disturbed.seconds.items() if each
        },
    }
    for name, value in figures.items():
        print(f"{name:44} {value}")
    print(write_results("judge_faults", figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.judge_faults")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--faults", type=int, default=FAULTS)
    given = parser.parse_args(sys.argv[1:])
    asyncio.run(main(given.device, given.faults))
