"""Full evaluations a second with two workers, warm rooms against a cold process per evaluation, in one run.

`python -m experiments.bench.throughput [KERNELS]`. Both sides evaluate the same kernels, variants of two core
tasks' seeds that all pass, for gfx942; cold evaluations go in between, so that both see the same machine.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from evo.candidate import Candidate, Kernel, Proposal
from evo.evaluation import Evaluation
from evo.objective import Individual, assess
from evo.protocols import Draft, Evaluator
from evo.task import Task
from experiments.bench.results import write_results
from experiments.build import open_evaluator
from experiments.suites.loader import load_task
from fitness.devices import device_for
from fitness.settings import FitnessSettings
from operators.settings import OperatorSettings, build_operators

TARGET = "gfx942"
TASKS = ("flip", "softmax")
WORKERS = 2
KERNELS = 64
COLD = 16


async def main(kernels: int) -> None:
    """Measure and write the result."""
    async with open_evaluator(FitnessSettings(target=TARGET, device="model"), seed=0) as evaluator:
        work = await _distinct(evaluator, kernels)
    # A second evaluator: rooms are warm, but nothing of these kernels is known to it.
    async with open_evaluator(FitnessSettings(target=TARGET, device="model"), seed=0) as evaluator:
        halves = [work[: len(work) // 2], work[len(work) // 2 :]]
        warm_seconds, seconds, evaluations = 0.0, 0.0, []
        cold = work[:: max(1, len(work) // COLD)][:COLD]
        for half, cold_half in zip(halves, (cold[::2], cold[1::2]), strict=True):
            start = time.monotonic()
            evaluations += await _workers(half, lambda item: evaluator.evaluate(item[1], item[0]))
            warm_seconds += time.monotonic() - start
            start = time.monotonic()
            same = await _workers(cold_half, _cold)
            seconds += time.monotonic() - start
            assert all(each.passed for each in same), same
    assert all(each.passed for each in evaluations), evaluations
    warm_rate, cold_rate = len(work) / warm_seconds, len(cold) / seconds
    core_seconds = sorted(each.cost.cpu_seconds for each in evaluations)
    figures = {
        "workers": WORKERS,
        "target": TARGET,
        "warm_evaluations": len(work),
        "warm_per_second": round(warm_rate, 3),
        "cold_evaluations": len(cold),
        "cold_per_second": round(cold_rate, 3),
        "warm_over_cold": round(warm_rate / cold_rate, 2),
        "core_seconds_median": round(statistics.median(core_seconds), 3),
        "core_seconds_90th_percentile": round(core_seconds[int(0.9 * len(core_seconds))], 3),
    }
    for name, value in figures.items():
        print(f"{name:30} {value}")
    print(write_results("throughput", figures))


Work = tuple[Task, Kernel]


async def _distinct(evaluator: Evaluator, count: int) -> list[Work]:
    """Return this many kernels that pass and do different things, by random walks from the seeds."""
    walks = [await _walk(evaluator, load_task(name), count // len(TASKS)) for name in TASKS]
    return [work for together in zip(*walks, strict=True) for work in together]


async def _walk(evaluator: Evaluator, task: Task, count: int) -> list[Work]:
    """Return kernels of one task: steps of random operators, from any kernel found so far."""
    operators = list(build_operators(OperatorSettings(), device_for(TARGET).backend).values())
    seed = await evaluator.evaluate(task.seed, task)
    found = [_individual(task.seed, seed, seed)]
    plans = {seed.plan_digest}
    rng = random.Random(0)
    while len(found) < count:
        parents = [rng.choice(found)]
        operator = rng.choice([each for each in operators if each.applies(parents, task)])
        proposal = Proposal(
            number=1, operator=operator.name, parents=(0,), generation=1, key=rng.getrandbits(64)
        )
        draft = await operator.propose(proposal, parents, task)
        assert isinstance(draft, Draft)
        evaluation = await evaluator.evaluate(draft.kernel, task)
        if evaluation.passed and evaluation.plan_digest not in plans:
            plans.add(evaluation.plan_digest)
            found.append(_individual(draft.kernel, evaluation, seed))
    return [(task, each.candidate.kernel) for each in found if each.candidate.kernel]


def _individual(kernel: Kernel, evaluation: Evaluation, seed: Evaluation) -> Individual:
    proposal = Proposal(number=0, operator="seed", parents=(), generation=0, key=0)
    return assess(Candidate(proposal=proposal, kernel=kernel), evaluation, seed)


async def _workers(work: list[Work], evaluate: Callable[[Work], Awaitable[Evaluation]]) -> list[Evaluation]:
    """Evaluate all, `WORKERS` at a time."""
    free = asyncio.Semaphore(WORKERS)

    async def one(item: Work) -> Evaluation:
        async with free:
            return await evaluate(item)

    return list(await asyncio.gather(*(one(item) for item in work)))


async def _cold(item: Work) -> Evaluation:
    """Evaluate in a new process."""
    task, kernel = item
    command = (sys.executable, "-m", "experiments.bench.cold", task.name, TARGET)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate(kernel.source.encode())
    return msgspec.json.decode(told, type=Evaluation)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else KERNELS))
