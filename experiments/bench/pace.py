"""Candidates fully judged a second on one GPU: the warm pipeline against one cold process a candidate.

`python -m experiments.bench.pace [--device cuda:0] [--variants N] [--cold N] [--workers N]`. Variants of four
core tasks' seed kernels, by random rewrites; the pipeline captures and compiles ahead on all cores while the
judge checks and times one after the other. A sample of the same kernels goes through the same stages in a
process each, in the middle of the run. Memory of the judge's process and of the device is read at the start,
at each quarter and at the end.
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
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec

from evo.candidate import Candidate, Kernel, Proposal
from evo.evaluation import Evaluation, Measurement, Source, Stage, Status
from evo.objective import Individual, assess
from evo.protocols import Draft, Operator
from evo.task import Role, Task
from experiments.bench.court import Court, judge_statuses, open_court
from experiments.bench.results import write_results
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

    def __init__(self) -> None:
        self.megabytes: list[dict[str, int | None]] = []
        self._watching = _queried("utilization.gpu", "--loop-ms=100")

    def read(self) -> None:
        """Read memory now, in MiB."""
        with _queried("memory.used") as told:
            device = re.findall(r"\d+", told.communicate()[0])
        self.megabytes.append({"judge": _judges_mib(), "device": int(device[0]) if device else None})

    def busy_percent(self) -> float | None:
        """Return the mean of what the device said of itself since the start; may be called once."""
        self._watching.terminate()
        told = [int(each) for each in re.findall(r"\d+", self._watching.communicate()[0])]
        return round(statistics.mean(told), 1) if told else None


def _queried(figure: str, *options: str) -> subprocess.Popen[str]:
    """Start NVIDIA's own tool; where there is none, something that says nothing."""
    command = ["nvidia-smi", f"--query-gpu={figure}", "--format=csv,noheader,nounits", "--id=0", *options]
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return subprocess.Popen(["true"], stdout=subprocess.PIPE, text=True)


def _judges_mib() -> int:
    """Return the resident memory of this process's judges, in MiB."""
    resident = (re.search(r"VmRSS:\s+(\d+)", told) for told in judge_statuses().values())
    return sum(int(each[1]) >> 10 for each in resident if each)


async def measure(court: Court, device: str, work: list[Work], cold: int, workers: int) -> dict[str, Any]:
    """Return all figures."""
    evaluator, usage = court.evaluator(), Usage()
    for name in TASKS:
        task = load_task(name)
        await evaluator.evaluate(task.seed, task)
    sample = work[:: max(1, len(work) // cold)][:cold]
    usage.read()
    told, warm_seconds, cold_seconds = [], 0.0, []
    for quarter in range(QUARTERS):
        start = time.monotonic()
        told += await judged_warm(evaluator, work[quarter::QUARTERS], workers)
        warm_seconds += time.monotonic() - start
        usage.read()
        if quarter == 0:
            busy = usage.busy_percent()
        cold_seconds += [await judged_cold(*each, device) for each in sample[quarter::QUARTERS]]
    held = sum(each.cost.gpu_seconds for each in told)
    rate, cold_rate = len(told) / warm_seconds, len(cold_seconds) / sum(cold_seconds)
    return {
        "workers": workers,
        "cores": os.cpu_count(),
        "warm_candidates": len(told),
        "warm_statuses": dict(Counter(str(each.status) for each in told)),
        "warm_per_second": round(rate, 3),
        "cold_candidates": len(cold_seconds),
        "cold_seconds_median": round(statistics.median(cold_seconds), 3),
        "cold_per_second": round(cold_rate, 4),
        "warm_over_cold": round(rate / cold_rate, 2),
        "gpu_held_share": round(held / warm_seconds, 3),
        "gpu_busy_percent_by_its_own_word": busy,
        "gpu_seconds_median": round(statistics.median(e.cost.gpu_seconds for e in told if e.passed), 3),
        "memory_mib": usage.megabytes,
    }


async def main(device: str, count: int, cold: int, workers: int) -> None:
    """Measure, print and write the results."""
    arch, each = probed(device).arch, count // len(TASKS)
    with ProcessPoolExecutor(len(TASKS), mp_context=get_context("spawn")) as pool:
        walks = list(pool.map(variants, TASKS, [arch] * len(TASKS), [each] * len(TASKS)))
    work = [kernel for together in zip(*walks, strict=True) for kernel in together]
    async with open_court((device,)) as court:
        figures = await measure(court, device, work, cold, workers)
        figures = {"device": msgspec.to_builtins(court.fingerprint), **figures}
    for name, value in figures.items():
        print(f"{name:34} {value}")
    print(write_results("pace", figures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.pace")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--variants", type=int, default=VARIANTS)
    parser.add_argument("--cold", type=int, default=COLD)
    parser.add_argument("--workers", type=int, default=min(16, os.cpu_count() or 1))
    given = parser.parse_args(sys.argv[1:])
    asyncio.run(main(given.device, given.variants, given.cold, given.workers))
