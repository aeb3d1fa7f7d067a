"""What the judge is worth on a GPU: noise of A/A runs, A/B ratios, replay against direct calls, pace.

`python -m experiments.bench.judged [RUNS]`. For each core task: the seed kernel against itself, RUNS times
(how far the median ratio strays, and how often it would pass for a win), against a variant that is known to
differ, and its replayed latency beside that of the same kernel called directly through Triton (`do_bench`,
which flushes less and uses one input). Then a few variants a task are judged one after another: candidates a
second, all stages included. Every wait is bounded.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import sys
import time
from typing import Any

import msgspec

from evo.candidate import Kernel
from evo.evaluation import Evaluation
from evo.task import Role, Task
from experiments.bench.results import write_results
from experiments.build import located
from experiments.suites.loader import load_task
from fitness.built import Built
from fitness.devices import DEVICES
from fitness.judge.client import Judge, open_judge
from fitness.judge.messages import Ask, Judged, Refused, Subject
from fitness.judge.probe import probed
from fitness.judge.statistics import estimate, noise_floor, wins
from fitness.measured import MeasuredEvaluator
from fitness.rooms import Rooms, open_rooms
from fitness.settings import FitnessSettings
from fitness.stages import Stages
from fitness.verdicts import Fault

RUNS = 12
TASKS = ("flip", "softmax")
BLOCKS = {"flip": ("BLOCK = 256", "BLOCK = {}"), "softmax": ("BLOCK=256", "BLOCK={}")}
"""Where each task's seed kernel says its block size."""
SIZES = (64, 128, 512, 1024, 2048)
OTHER = 1024
DIRECT_SECONDS = 120.0


async def main(runs: int) -> None:
    """Measure, print and write the results."""
    found = probed("cuda:0")
    settings = FitnessSettings(target=found.arch, device="cuda:0")
    place = located(settings)
    assert place.gpu is not None
    figures: dict[str, Any] = {"device": msgspec.to_builtins(found), "runs": runs, "tasks": {}}
    async with (
        open_rooms() as rooms,
        open_judge(place.gpu, settings.judge.wall_seconds) as judge,
    ):
        figures["anchor_copy_ms"] = round(judge.anchor_ms, 4)
        for name in TASKS:
            told = await Bench(rooms, judge, settings, load_task(name)).figures(runs)
            figures["tasks"][name] = told
            _show(name, told)
    print(write_results("judged", figures))


class Bench:
    """The measurements of one task."""

    def __init__(self, rooms: Rooms, judge: Judge, settings: FitnessSettings, task: Task) -> None:
        self._rooms = rooms
        self._judge = judge
        self._settings = settings
        self._task = task
        self._device = DEVICES[settings.target]

    async def figures(self, runs: int) -> dict[str, Any]:
        """Return all figures of the task."""
        seed, other = await self._built(self._task.seed.source), await self._built(self._variant(OTHER))
        level = [await self._told(seed, seed, number) for number in range(runs)]
        differing = [await self._told(other, seed, number) for number in range(max(2, runs // 4))]
        direct = await _called_directly(self._task)
        workloads = {}
        for at, workload in enumerate(self._task.having(Role.TIME)):
            even = [each.timings[at] for each in level]
            floors = [noise_floor(each.log_ratios) for each in even]
            medians = [estimate(each.log_ratios).median for each in even]
            seed_ms = statistics.median(each.baseline_ms for each in even)
            ratios = [estimate(each.timings[at].log_ratios) for each in differing]
            workloads[workload.name] = {
                "seed_ms": round(seed_ms, 5),
                "warm": even[0].warm,
                "blocks": len(even[0].log_ratios),
                "aa_block_sd_percent": _percent(
                    statistics.mean(statistics.pstdev(each.log_ratios) for each in even)
                ),
                "aa_median_sd_percent": _percent(statistics.pstdev(medians)),
                "aa_median_worst_percent": _percent(max(map(abs, medians))),
                "aa_floor_percent": _percent(statistics.median(floors)),
                "aa_false_wins": sum(
                    wins(estimate(each.log_ratios), floors[number - 1]) for number, each in enumerate(even)
                ),
                "ab_speedups": [round(math.exp(-each.median), 4) for each in ratios],
                "ab_interval": [round(math.exp(-ratios[0].high), 4), round(math.exp(-ratios[0].low), 4)],
                "called_directly_ms": round(direct[workload.name], 5),
                "replayed_over_direct": round(seed_ms / direct[workload.name], 4),
                "telemetry": msgspec.to_builtins(even[-1].after),
            }
        held = [each.held_seconds for each in (*level, *differing)]
        return {
            "workloads": workloads,
            "held_seconds": round(statistics.median(held), 3),
            **await self._pace(),
        }

    async def _pace(self) -> dict[str, Any]:
        """Return how fast fresh variants are judged, all stages included."""
        evaluator = MeasuredEvaluator(
            self._rooms, self._judge, self._device, self._settings.limits, b"bench", self._settings.judge
        )
        await evaluator.evaluate(self._task.seed, self._task)
        start = time.monotonic()
        work = (evaluator.evaluate(Kernel(self._variant(size)), self._task) for size in SIZES)
        told: list[Evaluation] = await asyncio.gather(*work)
        seconds = time.monotonic() - start
        for size, each in zip(SIZES, told, strict=True):
            latencies = [f"{m.latency_ms:.4f} [{m.low_ms:.4f}, {m.high_ms:.4f}]" for m in each.measurements]
            print(f"  block {size:5} {each.status} {', '.join(latencies)} {each.feedback[:200]}")
        return {
            "judged": len(told),
            "passed": sum(each.passed for each in told),
            "judged_per_second": round(len(told) / seconds, 3),
            "gpu_seconds_each": round(statistics.mean(each.cost.gpu_seconds for each in told), 3),
        }

    async def _built(self, source: str) -> Built:
        evaluator = MeasuredEvaluator(
            self._rooms, self._judge, self._device, self._settings.limits, b"bench", self._settings.judge
        )
        stages = Stages(self._rooms, self._device.arch, self._settings.limits)
        built = await evaluator.build(Kernel(source), self._task, stages)
        assert not isinstance(built, Fault), built
        return built

    async def _told(self, candidate: Built, seed: Built, number: int) -> Judged:
        """Return what the judge measures; nothing is checked beyond the timed calls."""
        asked = Ask(
            number=0, task=self._task, mutated=candidate.described[0].mutated, candidate=_subject(candidate),
            baseline=_subject(seed), checks=(), seed=number, rules=self._settings.judge.timing,
        )  # fmt: skip
        told = await self._judge.ask(asked)
        assert not isinstance(told, Refused), told
        return told

    def _variant(self, size: int) -> str:
        old, new = BLOCKS[self._task.name]
        assert old in self._task.seed.source
        return self._task.seed.source.replace(old, new.format(size))


async def _called_directly(task: Task) -> dict[str, float]:
    """Return the seed kernel's latency by Triton's own benchmark in a process of its own, in milliseconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "experiments.bench.direct", task.name, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await asyncio.wait_for(process.communicate(), DIRECT_SECONDS)
    return msgspec.json.decode(told, type=dict[str, float])


def _subject(built: Built) -> Subject:
    return Subject(captured=built.captured, binaries=tuple(built.binaries.values()))


def _percent(log_ratio: float) -> float:
    return round(100 * log_ratio, 4)


def _show(name: str, told: dict[str, Any]) -> None:
    for workload, figures in told["workloads"].items():
        print(f"{name}/{workload}")
        for key, value in figures.items():
            print(f"  {key:28} {value}")
    for key in ("held_seconds", "judged", "passed", "judged_per_second", "gpu_seconds_each"):
        print(f"  {key:28} {told[key]}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS))
