"""A search of every core task: best modelled speed-up, how candidates ended, rate and cost.

`python -m experiments.bench.suite [--tasks NAMES] [--evaluations N] [--at-once N] [--out DIR]`. Each search
is a run folder under DIR, with two evaluations in flight; a search that was stopped goes on, one that has
ended is only read. `--at-once` searches so many tasks side by side, each in a process of its own, for
machines of many cores. The table and `experiments/results/suite.json` are made from the journals alone.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

from evo.journal import JournalReader
from evo.loop import Search
from evo.records import Evaluated
from evo.replay import recorded_engine, replay
from experiments.bench.results import write_results
from experiments.build import build_engine, open_evaluator
from experiments.pools import spawned
from experiments.run_folder import JOURNAL, SETTINGS, new_run_folder, write_best
from experiments.session import Session, begin, go_on
from experiments.settings import RunSettings, parse_settings
from experiments.suites.loader import load_task, task_names

EVALUATIONS = 100
WORKERS = 2
OUT = Path("runs/suite")
SEARCH = """
task = "{task}"
[search]
seed = 0
evaluations_in_flight = {workers}
budget.evaluations = {evaluations}
[fitness]
target = "gfx942"
[tracking]
enabled = false
"""


def settings_of(task: str, evaluations: int) -> RunSettings:
    """Return the settings of one task's search."""
    text = SEARCH.format(task=task, workers=WORKERS, evaluations=evaluations)
    return parse_settings(text, f"the suite's settings of {task}")


def search(task: str, evaluations: int, out: Path) -> str:
    """Search a task until its budget is used, from wherever it stopped; return the task's name."""
    asyncio.run(run_in(out / task, settings_of(task, evaluations)))
    return task


async def run_in(folder: Path, settings: RunSettings) -> None:
    """Search in a run folder until the budget is used, from wherever it stopped.

    Raises:
        UsageError, RunFailure: settings that cannot be had, or a run that fails.
    """
    session = session_in(folder, settings)
    with session.journal as journal:
        async with open_evaluator(settings.fitness, settings.search.seed) as evaluator:
            await Search(session.engine, evaluator, journal).run(settings.to_toml())
    assert session.engine.elite is not None
    write_best(folder, session.engine.elite)


def session_in(folder: Path, settings: RunSettings) -> Session:
    """Return a session of the run in a folder: of the one that is there, or of a new one.

    Raises:
        UsageError, RunFailure: settings that cannot be had, or a run that cannot go on.
    """
    if (folder / SETTINGS).exists():
        return go_on(folder, settings)
    return begin(new_run_folder(folder), settings, build_engine(settings, load_task(settings.task)))


def figures_of(folder: Path) -> dict[str, Any]:
    """Return what a run's journal says of it; costs are of candidates that were evaluated, not of repeats."""
    with JournalReader(folder / JOURNAL) as journal:
        engine = recorded_engine(journal)
        for _ in replay(journal, engine):
            pass
        told = [entry.record for entry in journal.entries() if isinstance(entry.record, Evaluated)]
        seconds = journal.active_seconds()
    assert engine.elite is not None
    assert engine.baseline is not None
    statuses = Counter(str(each.evaluation.status) for each in engine.individuals.values())
    costs = [each.evaluation.cost.cpu_seconds for each in told if each.evaluation.cost.cpu_seconds]
    return {
        "seed_ms": {each.workload: round(each.latency_ms, 5) for each in engine.baseline.measurements},
        "speedup": round(engine.elite.speedup or 1.0, 3),
        "operators_of_winner": _line_of_operators(engine.individuals, engine.elite.number),
        "statuses": dict(sorted(statuses.items())),
        "evaluations": engine.told,
        "per_second": round(len(told) / seconds, 3),
        "seconds": round(seconds, 1),
        "core_seconds_median": round(statistics.median(costs), 3),
        "core_seconds_total": round(sum(costs), 1),
    }


def _line_of_operators(individuals: Any, number: int) -> list[str]:
    """Return the operators that made a candidate from the seed, in order, along first parents."""
    made = []
    while individuals[number].candidate.proposal.parents:
        made.append(individuals[number].candidate.proposal.operator)
        number = individuals[number].candidate.proposal.parents[0]
    return made[::-1]


def summary(tasks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what all tasks together say."""
    speedups = [each["speedup"] for each in tasks.values()]
    costs = [each["core_seconds_median"] for each in tasks.values()]
    return {
        "tasks": len(tasks),
        "geometric_mean_speedup": round(math.exp(statistics.fmean(map(math.log, speedups))), 3),
        "median_speedup": round(statistics.median(speedups), 3),
        "core_seconds_median_of_medians": round(statistics.median(costs), 3),
        "tasks_above_2_core_seconds": sorted(n for n, e in tasks.items() if e["core_seconds_median"] > 2),
        "seconds_in_all": round(sum(each["seconds"] for each in tasks.values()), 1),
    }


def show(tasks: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    print(f"{'task':22}{'speed-up':>9}{'passed':>14}{'a second':>10}{'core-s':>8}  winner made by")
    for name, each in tasks.items():
        passed = each["statuses"].get("PASSED", 0)
        made = ", ".join(f"{o} x{n}" if n > 1 else o for o, n in Counter(each["operators_of_winner"]).items())
        print(
            f"{name:22}{each['speedup']:9.3f}{passed:8} / {each['evaluations']:<3}"
            f"{each['per_second']:10.2f}{each['core_seconds_median']:8.2f}  {made}"
        )


def main(arguments: Sequence[str]) -> None:
    """Search what is not searched yet, print the table and write the result."""
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.suite")
    parser.add_argument("--tasks", nargs="+", default=task_names(), choices=task_names(), metavar="NAME")
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    with spawned(given.at_once) as pool:
        searches = [pool.submit(search, task, given.evaluations, given.out) for task in given.tasks]
        for done, each in enumerate(as_completed(searches), start=1):
            print(f"{each.result()} searched, {done} of {len(searches)}", file=sys.stderr, flush=True)
    tasks = {task: figures_of(given.out / task) for task in given.tasks}
    figures = {"target": "gfx942", "workers": WORKERS, "at_once": given.at_once, **summary(tasks)}
    show(tasks)
    for name, value in figures.items():
        print(f"{name:34} {value}")
    print(write_results("suite", {**figures, "by_task": tasks}, given.out))
    print(write_results("suite", {**figures, "by_task": tasks}))


if __name__ == "__main__":
    main(sys.argv[1:])
