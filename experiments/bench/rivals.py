"""Our search against what a user would do instead, at the same budget of evaluations.

`python -m experiments.bench.rivals [--tasks NAMES] [--ways NAMES] [--seeds N] [--evaluations N] [--at-once N]
[--out DIR] [--cache FILE] [--set KEY=VALUE …]`. All ways to search use one evaluator, modelled for gfx942,
with one cache by kernel. Each pair of task and seed is searched in every way; what is done stays in DIR, so a
benchmark that was stopped goes on. Told for each way: evaluations until a kernel within 5% of the best that
any way found in any seed, and the best it found. The seed kernel is everyone's first evaluation; a way that
never came that near counts one more than the budget. `--set` changes settings of our search; such figures go
to DIR alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.managers import SyncManager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Evaluation
from evo.objective import geometric_speedup
from evo.protocols import Evaluator
from evo.task import Role, Task
from experiments.bench.results import write_results
from experiments.bench.ways import OURS, WAYS, Way, ours_with
from experiments.build import open_evaluator
from experiments.evaluation_cache import CachingEvaluator, EvaluationCache
from experiments.pools import spawned
from experiments.suites.loader import load_task, task_names
from fitness.sandbox.libc import die_with_parent
from fitness.settings import FitnessSettings

TARGET = "gfx942"
TASKS = ("softmax", "layer_norm", "cumsum")
SEEDS = 5
EVALUATIONS = 100
NEAR = 0.95
OUT = Path("runs/rivals")


class Cell(msgspec.Struct, frozen=True):
    """One search to make.

    Attributes:
        task, seed: what is searched, under which random numbers.
        way: name of the way to search.
    """

    task: str
    seed: int
    way: str

    def file(self, out: Path) -> Path:
        """Return where its trace is kept."""
        return out / f"{self.task}-{self.way}-{self.seed}.json"


async def trace(way: Way, task: Task, evaluator: Evaluator, seed: int, evaluations: int) -> list[float]:
    """Return the speed-up of every kernel that a way asked for, in order; 0 for one that did not pass."""
    baseline = await evaluator.evaluate(task.seed, task)
    found = [1.0]

    async def judge(kernel: Kernel) -> Evaluation:
        evaluation = await evaluator.evaluate(kernel, task)
        found.append(geometric_speedup(evaluation, baseline) or 0.0)
        return evaluation

    await way(task, baseline, judge, seed, evaluations - 1)
    return found


def work(cells: Queue[Cell], evaluations: int, out: Path, cache: Path, changes: Sequence[str]) -> None:
    """Search one cell after the other until none is left, in rooms of this process's own."""
    asyncio.run(_work(cells, evaluations, out, cache, {**WAYS, OURS: ours_with(changes)}))


async def _work(
    cells: Queue[Cell], evaluations: int, out: Path, cache: Path, ways: Mapping[str, Way]
) -> None:
    with EvaluationCache(cache) as known:
        async with open_evaluator(FitnessSettings(target=TARGET, device="model"), seed=0) as inner:
            evaluator = CachingEvaluator(inner, known)
            while (cell := _next(cells)) is not None:
                task = load_task(cell.task)
                found = await trace(ways[cell.way], task, evaluator, cell.seed, evaluations)
                whole = cell.file(out).with_suffix(f".{os.getpid()}")
                whole.write_bytes(msgspec.json.encode(found))
                whole.replace(cell.file(out))  # never half a file, whenever it is stopped
                print(
                    f"{cell.task:14}{cell.way:16}seed {cell.seed}{max(found):8.3f}x{cells.qsize():5} waiting",
                    flush=True,
                )


def _next(cells: Queue[Cell]) -> Cell | None:
    try:
        return cells.get_nowait()
    except Empty:
        return None


def search(
    cells: Sequence[Cell], at_once: int, evaluations: int, out: Path, cache: Path, changes: Sequence[str]
) -> None:
    """Search the cells in so many processes. Each takes the next cell when it has done one."""
    manager = SyncManager(ctx=get_context("spawn"))
    manager.start(die_with_parent, (os.getpid(),))
    with manager, spawned(at_once) as pool:
        waiting = manager.Queue()
        for cell in cells:
            waiting.put(cell)
        workers = [
            pool.submit(work, waiting, evaluations, out, cache, changes)
            for _ in range(min(at_once, len(cells)))
        ]
        for worker in workers:
            worker.result()


def heaviest_first(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells with those of the tasks that compute most first, so that none of them is left over."""
    flops = {
        name: sum(each.flops for each in load_task(name).having(Role.TIME))
        for name in {cell.task for cell in cells}
    }
    return sorted(cells, key=lambda cell: -flops[cell.task])


def steps_to(found: Sequence[float], goal: float, evaluations: int) -> int:
    """Return how many evaluations it took to reach a speed-up; one more than the budget if none did."""
    return next((step for step, speedup in enumerate(found, 1) if speedup >= goal), evaluations + 1)


def compared(traces: dict[Cell, list[float]], evaluations: int) -> dict[str, Any]:
    """Return what the traces say of each way: medians over the seeds by task, and over all."""
    tasks = sorted({cell.task for cell in traces})
    best = {task: max(max(found) for cell, found in traces.items() if cell.task == task) for task in tasks}
    ways: dict[str, Any] = {}
    for way in dict.fromkeys(cell.way for cell in traces):
        mine = {cell: found for cell, found in traces.items() if cell.way == way}
        steps = {cell: steps_to(found, NEAR * best[cell.task], evaluations) for cell, found in mine.items()}
        shares = {cell: max(found) / best[cell.task] for cell, found in mine.items()}
        ways[way] = {
            "median_evaluations_to_near": statistics.median(steps.values()),
            "came_near": sum(step <= evaluations for step in steps.values()),
            "searches": len(mine),
            "median_share_of_best": round(statistics.median(shares.values()), 4),
            "by_task": {
                task: {
                    "evaluations_to_near": statistics.median(
                        s for cell, s in steps.items() if cell.task == task
                    ),
                    "best": round(statistics.median(max(mine[c]) for c in mine if c.task == task), 4),
                }
                for task in tasks
            },
        }
    return {"best_found": {task: round(best[task], 4) for task in tasks}, "ways": ways}


def show(figures: dict[str, Any]) -> None:
    """Print the table, the way that came near first at the top."""
    best = figures["best_found"]
    print(f"{'way':16}{'to 95%':>8}{'came near':>12}{'of best':>9}  median best " + ", ".join(best))
    ranked = sorted(figures["ways"].items(), key=lambda pair: pair[1]["median_evaluations_to_near"])
    for way, each in ranked:
        by_task = "  ".join(f"{each['by_task'][task]['best']:.3f}x" for task in best)
        print(
            f"{way:16}{each['median_evaluations_to_near']:8}{each['came_near']:7} / {each['searches']:<2}"
            f"{each['median_share_of_best']:9.3f}  {by_task}"
        )


def main(arguments: Sequence[str]) -> None:
    """Search what is not searched yet, print the table and write the result."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.rivals")
    known = [task for task in TASKS if task in task_names()]
    parser.add_argument("--tasks", nargs="+", default=known, choices=task_names(), metavar="NAME")
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS), metavar="WAY")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cache", type=Path, help="evaluations to share; DIR/cache.sqlite if not given")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of our search")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    cells = [
        Cell(task, seed, way) for seed in range(given.seeds) for task in given.tasks for way in given.ways
    ]
    left = heaviest_first([cell for cell in cells if not cell.file(given.out).exists()])
    print(f"{len(cells)} searches, {len(left)} of them to make", flush=True)
    cache = given.cache or given.out / "cache.sqlite"
    search(left, given.at_once, given.evaluations, given.out, cache, given.set)
    traces = {
        cell: msgspec.json.decode(cell.file(given.out).read_bytes(), type=list[float]) for cell in cells
    }
    figures = {
        "target": TARGET,
        "seeds": given.seeds,
        "evaluations": given.evaluations,
        **compared(traces, given.evaluations),
    }
    show(figures)
    print(write_results("rivals", figures, given.out))
    if not given.set and set(given.ways) == set(WAYS):
        print(write_results("rivals", figures))


if __name__ == "__main__":
    main(sys.argv[1:])
