"""How far the judge's figures can be trusted: kernels against themselves, and against 3% less work.

`python -m experiments.bench.noise [--devices cuda:0] [--runs N] [--differing N] [--out DIR]`. Kernels of 5 µs
to 5 ms, each the seed kernel of a core task at a size of its own. A/A: a kernel against itself, under the
rules of a search, held against the noise floor of an A/A run in full as a search has it; a fresh floor every
`RUNS_A_FLOOR` runs. A/B: the same launches with so many programs fewer that the kernel is about 3% faster, as
a few runs say beforehand; the true ratio is the median over all runs that follow. Told: false wins with the
upper 95% bound of their rate (Clopper and Pearson, "The use of confidence or fiducial limits", 1934), the
spread of the reported statistic, how often the difference is found, and what a verdict costs. Several devices
share the kernels; what DIR holds of one is not measured again.
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
from scipy.stats import beta

from evo.task import Role, Task
from experiments.bench.court import open_court, timed
from experiments.bench.results import write_results
from experiments.suites.loader import load_task
from fitness.built import Built
from fitness.judge.client import Judge
from fitness.judge.messages import Judged, TimingRules
from fitness.judge.statistics import estimate, noise_floor, wins
from fitness.plan import Captured, Launch, Plan

RUNS = 200
DIFFERING = 100
RUNS_A_FLOOR = 20
LEFT_OUT = 0.03
MOST_LEFT_OUT = 0.25
NEAR_ENOUGH = 0.002
CALIBRATIONS = 5
OUT = Path("runs/noise")
SIZES: dict[str, Mapping[str, int]] = {
    "matmul": {"m": 8192, "n": 8192, "k": 8192},
    "vector_add": {"n": 1 << 20},
    "softmax": {"rows": 1024, "cols": 4096},
    "layer_norm": {"rows": 16384, "cols": 4096},
    "cross_entropy": {"rows": 8192, "classes": 32000},
}
"""Sizes at which the seed kernels take about 4 ms, 7, 30, 200 and 700 µs on an H100; the longest first."""


def resized(name: str) -> Task:
    """Return a core task whose one timed workload has the size of this benchmark."""
    task = load_task(name)
    (first, *_) = task.having(Role.TIME)
    big = msgspec.structs.replace(first, sizes={**first.sizes, **SIZES[name]})
    return msgspec.structs.replace(task, workloads=(*task.having(Role.CHECK), big))


def with_less_work(built: Built, share: float) -> Built:
    """Return a kernel that leaves out so much of its grid; its results are wrong, which is not asked here."""
    shortened = (
        Captured(
            workload=each.workload,
            alternatives=tuple(_shortened(plan, share) for plan in each.alternatives),
        )
        for each in built.captured
    )
    return msgspec.structs.replace(built, captured=tuple(shortened))


def _shortened(plan: Plan, share: float) -> Plan:
    steps = tuple(
        msgspec.structs.replace(step, grid=_fewer(step.grid, share)) if isinstance(step, Launch) else step
        for step in plan.steps
    )
    return msgspec.structs.replace(plan, steps=steps)


def _fewer(grid: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    """Return a grid whose longest axis is shorter by a share."""
    longest = grid.index(max(grid))
    sizes = [round(size * (1 - share)) if axis == longest else size for axis, size in enumerate(grid)]
    return sizes[0], sizes[1], sizes[2]


class Noise:
    """All runs of one kernel on one judge."""

    def __init__(self, judge: Judge, built: Built, rules: TimingRules) -> None:
        self._judge = judge
        self._built = built
        self._rules = rules
        self._floors: list[float] = []

    async def figures(self, runs: int, differing: int) -> dict[str, Any]:
        """Return what A/A and A/B runs say."""
        level = [await self._run(self._built, number) for number in range(runs)]
        less = await self._faster()
        shorter = [await self._run(less, runs + number) for number in range(differing)]
        medians = [estimate(told.timings[0].log_ratios).median for told, _ in level]
        found = [estimate(told.timings[0].log_ratios).median for told, _ in shorter]
        false = sum(_won(*each) for each in level)
        caught = sum(_won(*each) for each in shorter)
        timings = [told.timings[0] for told, _ in (*level, *shorter)]
        return {
            "microseconds": round(1e3 * statistics.median(each.baseline_ms for each in timings), 2),
            "warm": timings[0].warm,
            "aa_runs": runs,
            "aa_false_wins": false,
            "aa_false_win_rate_upper_95": round(upper_bound(false, runs), 4),
            "aa_statistic_sd_percent": _percent(statistics.pstdev(medians)),
            "aa_statistic_worst_percent": _percent(max(map(abs, medians))),
            "aa_noise_floor_percent": _percent(statistics.median(self._floors)),
            "ab_runs": differing,
            "ab_true_difference_percent": _percent(-statistics.median(found)),
            "ab_found": round(caught / differing, 3),
            "ab_statistic_sd_percent": _percent(statistics.pstdev(found)),
            "blocks_median": statistics.median(len(each.log_ratios) for each in timings),
            "late_calls": sum(each.late for each in timings),
            "held_seconds_median": round(
                statistics.median(told.held_seconds for told, _ in (*level, *shorter)), 4
            ),
            "telemetry": msgspec.to_builtins(timings[-1].after),
        }

    async def _faster(self) -> Built:
        """Return the kernel with as much work left out as makes it about 3% faster.

        Leaving out 3% of the programs need not: launching takes time, and waves of programs are whole.
        """
        share = LEFT_OUT
        for trial in range(CALIBRATIONS):
            less = with_less_work(self._built, share)
            told = await timed(self._judge, less, self._built, 2 * 10**6 + trial, self._rules.in_full())
            gained = -estimate(told.timings[0].log_ratios).median
            if abs(gained - LEFT_OUT) < NEAR_ENOUGH:
                break
            share = min(MOST_LEFT_OUT, max(LEFT_OUT / 3, share * LEFT_OUT / max(gained, LEFT_OUT / 3)))
        return less

    async def _run(self, candidate: Built, number: int) -> tuple[Judged, float]:
        """Return a measurement beside the noise floor that a search would hold it against."""
        if number % RUNS_A_FLOOR == 0:
            told = await timed(self._judge, self._built, self._built, 10**6 + number, self._rules.in_full())
            self._floors.append(noise_floor(told.timings[0].log_ratios))
        return await timed(self._judge, candidate, self._built, number, self._rules), self._floors[-1]


def _won(told: Judged, floor: float) -> bool:
    return wins(estimate(told.timings[0].log_ratios), floor)


def upper_bound(events: int, runs: int) -> float:
    """Return the one-sided upper 95% bound of a rate, by Clopper and Pearson."""
    return 1.0 if events == runs else float(beta.ppf(0.95, events + 1, runs - events))


def _percent(log_ratio: float) -> float:
    return round(100 * math.expm1(log_ratio), 4)


async def main(devices: Sequence[str], runs: int, differing: int, out: Path) -> None:
    """Measure, print and write the results."""
    out.mkdir(parents=True, exist_ok=True)
    async with open_court(tuple(devices)) as court:
        kernels: dict[str, dict[str, Any]] = {}

        async def one(name: str) -> None:
            kept = out / f"{name}.json"
            if kept.exists():
                kernels[name] = msgspec.json.decode(kept.read_bytes())
                return
            task = resized(name)
            built = await court.built(task.seed, task)
            async with court.judges.turn() as judge:
                kernels[name] = await Noise(judge, built, TimingRules(checked_calls=0)).figures(
                    runs, differing
                )
            kept.write_bytes(msgspec.json.encode(kernels[name]))
            print(name, kernels[name], flush=True)

        await asyncio.gather(*(one(name) for name in SIZES))
        figures = {
            "device": msgspec.to_builtins(court.fingerprint),
            "rules": msgspec.to_builtins(TimingRules()),
            "kernels": {name: kernels[name] for name in SIZES},
            **_together(list(kernels.values())),
        }
    print(write_results("noise", figures))


def _together(kernels: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what all kernels together say."""
    runs, false = (sum(each[name] for each in kernels) for name in ("aa_runs", "aa_false_wins"))
    return {
        "aa_false_wins": false,
        "aa_false_win_rate_upper_95": round(upper_bound(false, runs), 4),
        "aa_worst_sd_percent_above_20_us": max(
            each["aa_statistic_sd_percent"] for each in kernels if each["microseconds"] > 20
        ),
        "ab_found_least": min(each["ab_found"] for each in kernels),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.bench.noise")
    parser.add_argument("--devices", nargs="+", default=["cuda:0"], metavar="DEVICE")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--differing", type=int, default=DIFFERING)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args(sys.argv[1:])
    asyncio.run(main(given.devices, given.runs, given.differing, given.out))
