"""Latency of replayed plans beside that of the same kernels called directly, over the core tasks.

`python -m experiments.bench.replayed [--devices cuda:0] [--tasks NAMES]`. For each timed workload: the seed
kernel's latency as the judge measures it, in an A/A run before and one after, and in between as
`experiments.bench.direct` measures it in a process of its own. Several devices share the tasks.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from evo.task import Role
from experiments.bench.court import Court, open_court, timed
from experiments.bench.results import write_results
from experiments.suites.loader import load_task, task_names
from fitness.judge.messages import TimingRules
from fitness.judge.statistics import estimate

DIRECT_SECONDS = 180.0
RULES = TimingRules(checked_calls=0, precise=0.0)


async def compared(court: Court, name: str) -> dict[str, Any]:
    """Return both latencies of each timed workload of a task."""
    task = load_task(name)
    built = await court.built(task.seed, task)
    async with court.judges.turn() as judge:
        before = await timed(judge, built, built, 1, RULES)
        direct = await _called_directly(name, judge.device)
        after = await timed(judge, built, built, 2, RULES)
    told = {}
    for at, workload in enumerate(task.having(Role.TIME)):
        runs = [each.timings[at] for each in (before, after)]
        replayed = statistics.mean(each.baseline_ms for each in runs)
        noise = max(abs(bound) for each in runs for bound in _bounds(each.log_ratios))
        told[workload.name] = {
            "replayed_ms": round(replayed, 5),
            "called_directly_ms": round(direct[workload.name], 5),
            "replayed_over_direct": round(replayed / direct[workload.name], 4),
            "noise_percent": round(100 * noise, 3),
            "from_run_to_run_percent": round(100 * abs(runs[1].baseline_ms / runs[0].baseline_ms - 1), 3),
        }
    return told


def _bounds(log_ratios: Sequence[float]) -> tuple[float, float]:
    told = estimate(log_ratios)
    return told.low, told.high


async def _called_directly(name: str, device: str) -> dict[str, float]:
    """Return the seed kernel's latencies, in milliseconds, as a process of its own measures them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "experiments.bench.direct", name, device, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(process.communicate(), DIRECT_SECONDS)
    return msgspec.json.decode(told, type=dict[str, float])


async def main(devices: Sequence[str], names: Sequence[str]) -> None:
    """Measure, print and write the results."""
    tasks: dict[str, Any] = {}
    async with open_court(tuple(devices)) as court:

        async def one(name: str) -> None:
            tasks[name] = await compared(court, name)
            for workload, each in tasks[name].items():
                print(
                    f"{name + '/' + workload:36}",
                    *(f"{key} {value}" for key, value in each.items()),
                    flush=True,
                )

        await asyncio.gather(*(one(name) for name in names))
        device = msgspec.to_builtins(court.fingerprint)
    ratios = [each["replayed_over_direct"] for told in tasks.values() for each in told.values()]
    figures = {
        "device": device,
        "workloads": len(ratios),
        "replayed_over_direct_median": round(statistics.median(ratios), 4),
        "within_1_percent": sum(abs(each - 1) <= 0.01 for each in ratios),
        "within_3_percent": sum(abs(each - 1) <= 0.03 for each in ratios),
        "farthest": [min(ratios), max(ratios)],
    }
    print(figures)
    print(write_results("replayed", {**figures, "tasks": dict(sorted(tasks.items()))}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.replayed")
    parser.add_argument("--devices", nargs="+", default=["cuda:0"], metavar="DEVICE")
    parser.add_argument("--tasks", nargs="+", default=task_names(), choices=task_names(), metavar="NAME")
    given = parser.parse_args(sys.argv[1:])
    asyncio.run(main(given.devices, given.tasks))
