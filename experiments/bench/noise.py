"""How far the judge's figures can be trusted: kernels against themselves, and against 3% less work.

`python -m experiments.bench.noise [--devices cuda:0] [--runs N] [--differing N] [--out DIR]`. Kernels of 5 µs
to 5 ms, each the seed kernel of a core task at a size of its own. A/A: a kernel against itself, under the
rules of a search, held against the noise floor of an A/A run in full as a search has it; a fresh floor every
`RUNS_A_FLOOR` runs. A/B: the same launches with so many programs fewer that the kernel is about 3% faster, as
a few runs say beforehand; the true ratio is the median over all runs that follow. Told: false wins with the
upper 95% bound of their rate (Clopper and Pearson, "The use of confidence or fiducial limits", 1934), the
spread of the reported statistic, how often the difference is found, and what a verdict costs. Several devices
share the kernels. DIR keeps every batch of runs: what is there is only read.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import statistics
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from scipy.stats import beta

from evo.task import Role, Task
from experiments.bench.court import open_court, timed
from experiments.bench.results import kept_at, write_results
from experiments.suites.loader import load_task
from fitness.built import Built
from fitness.judge.client import Judge
from fitness.judge.messages import Judged, Telemetry, TimingRules
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


class Run(msgspec.Struct, frozen=True):
    """What a search would be told of a kernel.

    Attributes:
        log_ratio: the median over its blocks.
        won: whether that is faster than the seed, beyond the noise floor.
        floor: the noise floor.
        baseline_ms, warm, blocks, late, held_seconds: of the one workload.
        telemetry: of the device, afterwards.
    """

    log_ratio: float
    won: bool
    floor: float
    baseline_ms: float
    warm: bool
    blocks: int
    late: int
    held_seconds: float
    telemetry: Telemetry


class Noise:
    """All runs of one kernel on one judge; each batch of them is kept beside `path` and not made again."""

    def __init__(self, judge: Judge, built: Built, rules: TimingRules, path: Path) -> None:
        self._judge = judge
        self._built = built
        self._rules = rules
        self._path = path

    async def figures(self, runs: int, differing: int) -> dict[str, Any]:
        """Return what A/A and A/B runs say."""
        level = await self._all("level", self._built, runs)
        less = with_less_work(self._built, await self._share())
        shorter = await self._all("less", less, differing)
        everything = (*level, *shorter)
        medians, found = ([each.log_ratio for each in told] for told in (level, shorter))
        false, caught = (sum(each.won for each in told) for told in (level, shorter))
        return {
            "microseconds": round(1e3 * statistics.median(each.baseline_ms for each in everything), 2),
            "warm": level[0].warm,
            "aa_runs": runs,
            "aa_false_wins": false,
            "aa_false_win_rate_upper_95": round(upper_bound(false, runs), 4),
            "aa_statistic_sd_percent": _percent(statistics.pstdev(medians)),
            "aa_statistic_worst_percent": _percent(max(map(abs, medians))),
            "aa_noise_floor_percent": _percent(statistics.median(each.floor for each in level)),
            "ab_runs": differing,
            "ab_true_difference_percent": _percent(-statistics.median(found)),
            "ab_found": round(caught / differing, 3),
            "ab_statistic_sd_percent": _percent(statistics.pstdev(found)),
            "blocks_median": statistics.median(each.blocks for each in everything),
            "late_calls": sum(each.late for each in everything),
            "held_seconds_median": round(statistics.median(each.held_seconds for each in everything), 4),
            "telemetry": msgspec.to_builtins(everything[-1].telemetry),
        }

    async def _all(self, kind: str, candidate: Built, runs: int) -> list[Run]:
        """Return so many runs of a candidate, in batches that share a noise floor."""
        told: list[Run] = []
        for first in range(0, runs, RUNS_A_FLOOR):
            count = min(RUNS_A_FLOOR, runs - first)
            kept = self._path.with_name(f"{self._path.name}-{kind}-{first}-{count}.json")
            made = partial(self._batch, candidate, f"{kind}{first}", count)
            told += await kept_at(kept, list[Run], made)
        return told

    async def _batch(self, candidate: Built, label: str, count: int) -> list[Run]:
        """Return runs of a candidate, held against the noise floor that a search would hold them against."""
        drawn = random.Random(label)
        in_full = await self._timed(self._built, drawn, self._rules.in_full())
        floor = noise_floor(in_full.timings[0].log_ratios)
        return [_run(await self._timed(candidate, drawn, self._rules), floor) for _ in range(count)]

    async def _share(self) -> float:
        """Return how much work to leave out for the kernel to be about 3% faster.

        Leaving out 3% of the programs need not do: launching takes time, and waves of programs are whole.
        """
        kept = self._path.with_name(f"{self._path.name}-share.json")
        return await kept_at(kept, float, self._calibrated)

    async def _calibrated(self) -> float:
        share, drawn = LEFT_OUT, random.Random("share")
        for _ in range(CALIBRATIONS):
            told = await self._timed(with_less_work(self._built, share), drawn, self._rules.in_full())
            gained = -estimate(told.timings[0].log_ratios).median
            if abs(gained - LEFT_OUT) < NEAR_ENOUGH:
                break
            share = min(MOST_LEFT_OUT, max(LEFT_OUT / 3, share * LEFT_OUT / max(gained, LEFT_OUT / 3)))
        return share

    async def _timed(self, candidate: Built, drawn: random.Random, rules: TimingRules) -> Judged:
        return await timed(self._judge, candidate, self._built, drawn.getrandbits(32), rules)


def _run(told: Judged, floor: float) -> Run:
    timing = told.timings[0]
    said = estimate(timing.log_ratios)
    return Run(
        log_ratio=said.median, won=wins(said, floor), floor=floor, baseline_ms=timing.baseline_ms,
        warm=timing.warm, blocks=len(timing.log_ratios), late=timing.late, held_seconds=told.held_seconds,
        telemetry=timing.after,
    )  # fmt: skip


def upper_bound(events: int, runs: int) -> float:
    """Return the one-sided upper 95% bound of a rate, by Clopper and Pearson."""
    return 1.0 if events == runs else float(beta.ppf(0.95, events + 1, runs - events))


def _percent(log_ratio: float) -> float:
    return round(100 * math.expm1(log_ratio), 4)


async def main(devices: Sequence[str], runs: int, differing: int, out: Path) -> None:
    """Measure, print and write the results."""
    async with open_court(tuple(devices)) as court:
        kernels: dict[str, dict[str, Any]] = {}
        folder = court.folder(out)

        async def one(name: str) -> None:
            task = resized(name)
            built = await court.built(task.seed, task)
            async with court.judges.turn() as judge:
                noise = Noise(judge, built, TimingRules(checked_calls=0), folder / name)
                kernels[name] = await noise.figures(runs, differing)
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
