"""Candidates fully judged a second on one GPU: the warm pipeline against one cold process a candidate.

`python -m experiments.bench.pace [--device cuda:0] [--variants N] [--cold N] [--workers N] [--out DIR]
[--prepare ARCH]`. Variants of four core tasks' seed kernels, by random rewrites; the pipeline captures and
compiles ahead on all cores while the judge checks and times one after the other. A sample of the same kernels
goes through the same stages in a process each, between the quarters of the run. Memory of the judge's process
and of the device is read around each quarter. DIR keeps the variants, which `--prepare` makes without a GPU,
and each quarter: what is there is only read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from evo.candidate import Candidate, Kernel, Proposal
from evo.evaluation import Evaluation, Measurement, Source, Stage, Status
from evo.objective import Individual, assess
from evo.protocols import Draft, Operator
from evo.task import Role, Task
from experiments.bench.court import Court, judge_statuses, open_court
from experiments.bench.results import kept_at, write_results
from experiments.pools import spawned
from experiments.suites.loader import load_task
from fitness.devices import device_for
from fitness.judge.probe import probed
from fitness.measured import MeasuredEvaluator
from operators.rewrite_operator import RewriteOperator
from operators.settings import OperatorSettings, build_operators

TASKS = ("flip", "softmax", "layer_norm", "matmul")
VARIANTS = 500
COLD = 12
LONGEST_WALK = 4
COLD_SECONDS = 120.0
QUARTERS = 4
OUT = Path("runs/pace")

Work = tuple[Task, Kernel]


def variants(name: str, arch: str, count: int) -> list[Work]:
    """Return distinct kernels by walks of random rewrites from the seed kernel; they may or may not pass."""
    return asyncio.run(_variants(load_task(name), arch, count))


async def _variants(task: Task, arch: str, count: int) -> list[Work]:
    made = build_operators(OperatorSettings(), device_for(arch).backend).values()
    rewrites = [each for each in made if isinstance(each, RewriteOperator)]
    rng, start = random.Random(task.name), _unjudged(task.seed, task)
    found = {task.seed: None}
    while len(found) < count:
        here = start
        for _ in range(rng.randint(1, LONGEST_WALK)):
            here = await _step(rewrites, here, task, rng) or here
        assert here.candidate.kernel is not None
        found[here.candidate.kernel] = None
    return [(task, kernel) for kernel in found]


async def _step(
    rewrites: Sequence[Operator], here: Individual, task: Task, rng: random.Random
) -> Individual | None:
    turns = rng.sample(rewrites, len(rewrites))
    operator = next(each for each in turns if each.applies([here], task))
    proposal = Proposal(number=1, operator=operator.name, parents=(0,), generation=1, key=rng.getrandbits(64))
    draft = await operator.propose(proposal, [here], task)
    return _unjudged(draft.kernel, task) if isinstance(draft, Draft) else None


def _unjudged(kernel: Kernel, task: Task) -> Individual:
    """Return a kernel as rewrites want it, with latencies that nobody looks at."""
    evaluation = Evaluation(
        status=Status.PASSED, stage=Stage.TIME, source=Source.MODELLED, device="none",
        measurements=tuple(
            Measurement(
                workload=each.name, latency_ms=1, low_ms=1, high_ms=1, samples=1, source=Source.MODELLED,
                device="none",
            )
            for each in task.having(Role.TIME)
        ),
    )  # fmt: skip
    proposal = Proposal(number=0, operator="seed", parents=(), generation=0, key=0)
    return assess(Candidate(proposal=proposal, kernel=kernel), evaluation, evaluation)


async def judged_warm(evaluator: MeasuredEvaluator, work: Sequence[Work], workers: int) -> list[Evaluation]:
    """Judge all, so many in flight."""
    free = asyncio.Semaphore(workers)

    async def one(task: Task, kernel: Kernel) -> Evaluation:
        async with free:
            return await evaluator.evaluate(kernel, task)

    return list(await asyncio.gather(*(one(*each) for each in work)))


async def judged_cold(task: Task, kernel: Kernel, device: str) -> float:
    """Return how long a process of its own takes for a candidate, in seconds."""
    start = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "experiments.bench.cold_judged", task.name, device,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(each).absolute()) for each in sys.path)},
    )  # fmt: skip
    await asyncio.wait_for(process.communicate(kernel.source.encode()), COLD_SECONDS)
    if process.returncode:
        raise RuntimeError(f"a cold evaluation of task {task.name} ended with status {process.returncode}")
    return time.monotonic() - start


class Usage:
    """Reads what the judge's processes and the device hold, and how busy the device says it is."""

    def __init__(self, device: str) -> None:
        self.megabytes: list[dict[str, int | None]] = []
        self._index = device.rpartition(":")[2]
        self._watching = _queried(self._index, "utilization.gpu", "--loop-ms=100")

    def read(self) -> None:
        """Read memory now, in MiB."""
        with _queried(self._index, "memory.used") as told:
            device = re.findall(r"\d+", told.communicate()[0])
        self.megabytes.append({"judge": _judges_mib(), "device": int(device[0]) if device else None})

    def busy_percent(self) -> float | None:
        """Return the mean of what the device said of itself since the start; may be called once."""
        self._watching.terminate()
        told = [int(each) for each in re.findall(r"\d+", self._watching.communicate()[0])]
        return round(statistics.mean(told), 1) if told else None


def _queried(index: str, figure: str, *options: str) -> subprocess.Popen[str]:
    """Start NVIDIA's own tool; where there is none, something that says nothing."""
    shown = ("--format=csv,noheader,nounits", f"--id={index}")
    command = ["nvidia-smi", f"--query-gpu={figure}", *shown, *options]
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return subprocess.Popen(["true"], stdout=subprocess.PIPE, text=True)


def _judges_mib() -> int:
    """Return the resident memory of this process's judges, in MiB."""
    resident = (re.search(r"VmRSS:\s+(\d+)", told) for told in judge_statuses().values())
    return sum(int(each[1]) >> 10 for each in resident if each)


class Quarter(msgspec.Struct, frozen=True):
    """What a quarter of the run told; memory in MiB, before and after."""

    statuses: dict[str, int]
    seconds: float
    held_seconds: float
    held_seconds_of_passed: tuple[float, ...]
    cold_seconds: tuple[float, ...]
    busy_percent: float | None
    memory_mib: tuple[dict[str, int | None], ...]


async def measured(court: Court, device: str, work: list[Work], cold: list[Work], workers: int) -> Quarter:
    """Judge a quarter of the kernels, and after them a part of the sample, each in a process of its own."""
    evaluator = court.evaluator()
    for name in TASKS:
        task = load_task(name)
        await evaluator.evaluate(task.seed, task)
    usage = Usage(device)
    usage.read()
    start = time.monotonic()
    told = await judged_warm(evaluator, work, workers)
    seconds = time.monotonic() - start
    usage.read()
    busy = usage.busy_percent()
    return Quarter(
        statuses=dict(Counter(str(each.status) for each in told)),
        seconds=seconds,
        held_seconds=sum(each.cost.gpu_seconds for each in told),
        held_seconds_of_passed=tuple(each.cost.gpu_seconds for each in told if each.passed),
        cold_seconds=tuple([await judged_cold(*each, device) for each in cold]),
        busy_percent=busy,
        memory_mib=tuple(usage.megabytes),
    )


def together(quarters: Sequence[Quarter], workers: int) -> dict[str, Any]:
    """Return all figures."""
    statuses = sum((Counter(each.statuses) for each in quarters), Counter[str]())
    cold = [seconds for each in quarters for seconds in each.cold_seconds]
    held = [seconds for each in quarters for seconds in each.held_seconds_of_passed]
    seconds = sum(each.seconds for each in quarters)
    rate, cold_rate = statuses.total() / seconds, len(cold) / sum(cold)
    busy = [each.busy_percent for each in quarters if each.busy_percent is not None]
    return {
        "workers": workers,
        "cores": len(os.sched_getaffinity(0)),
        "warm_candidates": statuses.total(),
        "warm_statuses": dict(statuses),
        "warm_per_second": round(rate, 3),
        "warm_per_second_by_quarter": [
            round(sum(each.statuses.values()) / each.seconds, 3) for each in quarters
        ],
        "cold_candidates": len(cold),
        "cold_seconds_median": round(statistics.median(cold), 3),
        "cold_per_second": round(cold_rate, 4),
        "warm_over_cold": round(rate / cold_rate, 2),
        "gpu_held_share": round(sum(each.held_seconds for each in quarters) / seconds, 3),
        "gpu_busy_percent_by_its_own_word": round(statistics.mean(busy), 1) if busy else None,
        "gpu_seconds_median": round(statistics.median(held), 3),
        "memory_mib": [each.memory_mib for each in quarters],
    }


def prepared(out: Path, arch: str, count: int) -> list[Work]:
    """Return the variants that a folder holds; have them there first."""
    kept = out / f"variants-{arch}-{count}.json"
    if not kept.exists():
        each = count // len(TASKS)
        with spawned(len(TASKS)) as pool:
            walks = list(pool.map(variants, TASKS, [arch] * len(TASKS), [each] * len(TASKS)))
        kept.write_bytes(msgspec.json.encode([[kernel.source for _, kernel in walk] for walk in walks]))
    walks = msgspec.json.decode(kept.read_bytes(), type=list[list[str]])
    tasks = [load_task(name) for name in TASKS]
    return [
        (task, Kernel(source))
        for row in zip(*walks, strict=True)
        for task, source in zip(tasks, row, strict=True)
    ]


async def main(device: str, count: int, cold: int, workers: int, out: Path) -> None:
    """Measure what is not measured yet, print and write the results."""
    work = prepared(out, probed(device).arch, count)
    sample = work[:: max(1, len(work) // cold)][:cold]
    async with open_court((device,)) as court:
        quarters = []
        for number in range(QUARTERS):
            kept = court.folder(out) / f"quarter-{number}.json"
            mine = work[number::QUARTERS], sample[number::QUARTERS]
            made = partial(measured, court, device, *mine, workers)
            quarters.append(await kept_at(kept, Quarter, made))
            print(f"{number + 1} of {QUARTERS} quarters measured", file=sys.stderr, flush=True)
        figures = {"device": msgspec.to_builtins(court.fingerprint), **together(quarters, workers)}
    for name, value in figures.items():
        print(f"{name:34} {value}")
    print(write_results("pace", figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.pace")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--variants", type=int, default=VARIANTS)
    parser.add_argument("--cold", type=int, default=COLD)
    parser.add_argument("--workers", type=int, default=min(16, os.cpu_count() or 1))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--prepare", metavar="ARCH", help="make the variants for an architecture, and end")
    given = parser.parse_args(sys.argv[1:])
    given.out.mkdir(parents=True, exist_ok=True)
    if given.prepare:
        prepared(given.out, given.prepare, given.variants)
    else:
        asyncio.run(main(given.device, given.variants, given.cold, given.workers, given.out))
