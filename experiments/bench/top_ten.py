"""What the model promised of the kernels that searches found, and what a GPU measured of them.

`python -m experiments.bench.top_ten [--device cuda:0] [--tasks NAMES] [--evaluations N] [--out DIR]`. Each
task is searched with latencies modelled for the GPU's architecture; then the ten fastest kernels of that
search, by the model, are judged. Each search is a run folder under DIR, with what was measured beside it:
what is there is only read. Told for each task: the gain over the seed kernel that the model promised and the
one measured, geometric means over the ten, and how well the model ranks them.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evo.candidate import Kernel
from evo.journal import JournalReader
from evo.objective import geometric_speedup
from evo.replay import recorded_engine, replay
from experiments.bench.court import open_court
from experiments.bench.ranking import spearman
from experiments.bench.results import write_results
from experiments.bench.suite import run_in
from experiments.pools import spawned
from experiments.run_folder import JOURNAL
from experiments.settings import parse_settings
from experiments.suites.loader import load_task, task_names
from fitness.judge.probe import probed

TASKS = ("softmax", "layer_norm", "matmul", "cross_entropy", "cumsum", "batched_matmul")
EVALUATIONS = 100
TOP = 10
OUT = Path("runs/top_ten")
MEASURED = "measured.json"
SEARCH = """
task = "{task}"
[search]
seed = 0
evaluations_in_flight = 2
budget.evaluations = {evaluations}
[operators]
llm.models = []
[fitness]
target = "{target}"
device = "model"
[tracking]
enabled = false
"""


class Told(msgspec.Struct, frozen=True):
    """Speed-ups of a kernel over the seed kernel: as modelled, and as measured, or None if it fails there."""

    number: int
    modelled: float
    measured: float | None
    status: str


def search(task: str, evaluations: int, target: str, folder: Path) -> None:
    """Search a task with modelled latencies, from wherever that stopped."""
    text = SEARCH.format(task=task, evaluations=evaluations, target=target)
    asyncio.run(run_in(folder, parse_settings(text, f"the settings of {task}")))


def top_of(folder: Path) -> list[tuple[int, Kernel, float]]:
    """Return number, kernel and modelled speed-up of a search's fastest kernels, the fastest first."""
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        for _ in replay(journal, engine):
            pass
    passed = [each for each in engine.individuals.values() if each.speedup and each.candidate.kernel]
    ranked = sorted(passed, key=lambda each: -(each.speedup or 0.0))[:TOP]
    return [(each.number, each.candidate.kernel, each.speedup) for each in ranked]  # type: ignore[misc]


async def measure(device: str, folders: Mapping[str, Path]) -> None:
    """Judge the fastest kernels of each search, unless that was done."""
    async with open_court((device,)) as court:
        for name, folder in folders.items():
            if (folder / MEASURED).exists():
                continue
            task, evaluator = load_task(name), court.evaluator()
            seed = await evaluator.evaluate(task.seed, task)
            best = top_of(folder)
            told = await asyncio.gather(*(evaluator.evaluate(kernel, task) for _, kernel, _ in best))
            rows = [
                Told(number, modelled, geometric_speedup(each, seed), str(each.status))
                for (number, _, modelled), each in zip(best, told, strict=True)
            ]
            (folder / MEASURED).write_bytes(msgspec.json.encode(rows))
            print(f"{name} measured", flush=True)


def figures_of(rows: Sequence[Told]) -> dict[str, Any]:
    """Return what a task's kernels come to; those that fail on the device are told, and gain nothing."""
    measured = [each.measured or 1.0 for each in rows]
    return {
        "kernels": len(rows),
        "passed": sum(each.measured is not None for each in rows),
        "gain_modelled": round(_mean([each.modelled for each in rows]), 3),
        "gain_measured": round(_mean(measured), 3),
        "best_modelled": round(rows[0].modelled, 3),
        "models_favourite_measured": round(measured[0], 3),
        "best_measured": round(max(measured), 3),
        "spearman_within": round(spearman([each.modelled for each in rows], measured), 3),
        "top": [msgspec.to_builtins(each) for each in rows],
    }


def _mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def main(arguments: Sequence[str]) -> None:
    """Search and measure what is not there yet, print the table and write the result."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.top_ten")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--tasks", nargs="+", default=TASKS, choices=task_names(), metavar="NAME")
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--at-once", type=int, default=len(TASKS))
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    found = probed(given.device)
    folders = {name: given.out / name for name in given.tasks}
    with spawned(given.at_once) as pool:
        for done in [
            pool.submit(search, name, given.evaluations, found.arch, folder)
            for name, folder in folders.items()
        ]:
            done.result()
    asyncio.run(measure(given.device, folders))
    tasks = {
        name: figures_of(msgspec.json.decode((folder / MEASURED).read_bytes(), type=list[Told]))
        for name, folder in folders.items()
    }
    for name, each in tasks.items():
        print(name, {key: value for key, value in each.items() if key != "top"})
    figures = {
        "device": msgspec.to_builtins(found),
        "evaluations": given.evaluations,
        "gain_modelled": round(_mean([each["gain_modelled"] for each in tasks.values()]), 3),
        "gain_measured": round(_mean([each["gain_measured"] for each in tasks.values()]), 3),
        "tasks": tasks,
    }
    print(write_results("top_ten", figures))


if __name__ == "__main__":
    main(sys.argv[1:])
