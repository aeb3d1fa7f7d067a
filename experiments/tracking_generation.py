"""What a generation amounts to, as numbers under `gen/`: see `generation_values`."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import moocore
import numpy as np

from evo.evaluation import Evaluation, Stage, Status
from evo.events import GenerationEnded
from evo.objective import Individual, speedups
from experiments.tracking_recorded import Recorded, Totals

MOST_WORKLOADS = 8
"""Timed workloads that a hypervolume is worked out over; its time grows exponentially with them."""


def generation_values(
    event: GenerationEnded, settled: Sequence[Individual], recorded: Recorded, totals: Totals
) -> dict[str, float]:
    """Return a generation's values by metric key.

    - `gen/evaluations`, `gen/tokens`, `gen/dollars`, `gen/gpu_seconds`, `gen/cpu_seconds`: since the start.
    - `gen/population`: survivors; `gen/best_speedup`, `gen/median_speedup`: of those that passed.
    - `gen/hypervolume`: see `hypervolume`.
    - `gen/<status>`: how the generation's own candidates ended; `gen/passed_share`, `gen/duplicate_share`.
    - `gen/valid/<stage>`: share of the generation's own candidates, repeats aside, that came through a stage.
    - `gen/diversity/syntax`, `gen/diversity/plan`: how many different ones among the survivors, as a share.
    - `gen/staleness`, `gen/staleness_max`: mean and largest number of others that were told between a
      candidate's ask and its own tell, over the generation's own.
    """
    values: dict[str, float] = {
        "gen/evaluations": event.told,
        "gen/population": len(event.population),
        "gen/tokens": totals.tokens,
        "gen/dollars": totals.dollars,
        "gen/gpu_seconds": totals.gpu_seconds,
        "gen/cpu_seconds": totals.cpu_seconds,
    }
    passed = [each.speedup for each in event.population if each.speedup is not None]
    if passed:
        values |= {"gen/best_speedup": max(passed), "gen/median_speedup": statistics.median(passed)}
    volume = hypervolume(event.population, recorded.baseline)
    if volume is not None:
        values["gen/hypervolume"] = volume
    stale = [each for each in (recorded.staleness(one.number) for one in settled) if each is not None]
    if stale:
        values |= {"gen/staleness": statistics.fmean(stale), "gen/staleness_max": max(stale)}
    return values | status_shares(event) | validity(settled) | diversity(event.population)


def status_shares(event: GenerationEnded) -> dict[str, float]:
    """Return how many of a generation's own candidates ended in each way, and two shares of them."""
    counts = {status: event.statuses.get(status, 0) for status in Status}
    values: dict[str, float] = {f"gen/{status.lower()}": count for status, count in counts.items()}
    if total := sum(counts.values()):
        values["gen/passed_share"] = counts[Status.PASSED] / total
        values["gen/duplicate_share"] = counts[Status.DUPLICATE] / total
    return values


def validity(settled: Sequence[Individual]) -> dict[str, float]:
    """Return the share of candidates that came through each stage; repeats are no new candidates."""
    own = [each.evaluation for each in settled if each.evaluation.status is not Status.DUPLICATE]
    if not own:
        return {}
    through = {stage: sum(each.passed or each.stage > stage for each in own) for stage in Stage}
    return {f"gen/valid/{stage.name.lower()}": count / len(own) for stage, count in through.items()}


def diversity(population: Sequence[Individual]) -> dict[str, float]:
    """Return the shares of different syntaxes and plans; a kernel without one counts as itself."""
    if not population:
        return {}
    digests = [each.candidate.kernel.digest if each.candidate.kernel else "" for each in population]
    syntaxes = {each.candidate.syntax or own for each, own in zip(population, digests, strict=True)}
    plans = {each.evaluation.plan_digest or own for each, own in zip(population, digests, strict=True)}
    return {
        "gen/diversity/syntax": len(syntaxes) / len(population),
        "gen/diversity/plan": len(plans) / len(population),
    }


def hypervolume(population: Sequence[Individual], baseline: Evaluation | None) -> float | None:
    """Return the volume that the survivors dominate in the space of log2 speed-ups, an axis a timed workload.

    The reference point is the seed kernel, 0 on every axis, so whoever is slower than it on some workload
    adds nothing. Of a single workload it is the best log2 speed-up, and 1 is a doubling on every workload.
    None without a baseline, or where that has more than 8 workloads.
    """
    if baseline is None or not 0 < len(baseline.measurements) <= MOST_WORKLOADS:
        return None
    gains = [
        [math.log2(ratio) for ratio in speedups(each.evaluation, baseline).values()]
        for each in population
        if each.evaluation.passed
    ]
    if not gains:
        return 0.0
    points = np.array(gains)
    return float(moocore.hypervolume(points, ref=np.zeros(points.shape[1]), maximise=True))
