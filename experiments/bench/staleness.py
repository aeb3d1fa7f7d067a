"""What work in flight costs a steady search in quality, and what it gains it in time.

`python -m experiments.bench.staleness [SEEDS [RUN...]]`. Simulated: the real engine on virtual time, on
landscapes whose optimum is known and, if run folders are given, on worlds fitted to their journals. So many
proposals and as many evaluations may be in flight at once; replies take 20 s and evaluations 2 s (medians,
lognormal). All see the same landscapes and seeds, and at equal numbers of evaluations each is compared with
one in flight, pair by pair, adjusted for all comparisons (Holm). The last way is generational, for which the
number in flight changes no result.

It recommends the most in flight up to which none is told to be worse than one at any checkpoint
from the default length of a search (200 evaluations) on.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from evo.budget import Budget
from evo.settings import Mode, SearchSettings
from experiments.bench.landscape import LANDSCAPES
from experiments.bench.results import write_results
from experiments.study.estimators.estimate import Array
from experiments.study.estimators.over_runs import Tasks, mean_over_runs
from experiments.study.estimators.paired import Comparison, compared, holm
from experiments.study.estimators.summaries import at_budget, best_so_far, staleness_of
from experiments.study.simulator.costs import Costs, drawn_costs
from experiments.study.simulator.landscape import LandscapeWorld
from experiments.study.simulator.outcomes import ceiling_of
from experiments.study.simulator.prediction import Recorded, recorded
from experiments.study.simulator.recorded import RecordedWorld
from experiments.study.simulator.simulate import simulate
from experiments.study.simulator.worlds import World

SEEDS = 12
WIDTHS = (1, 4, 16, 64)
CHECKPOINTS = (101, 201, 401, 1_601)
MINUTES = 8.0
"""After so long 64 in flight have made some 1,500 evaluations, and one at a time 24."""

ONE, GENERATIONAL = "1", "generational"


class Place(NamedTuple):
    """What is searched with one seed, and the log2 speed-up of the best there is."""

    world: World
    optimum: float


class Seen(NamedTuple):
    """What one search came to.

    Attributes:
        shares: of the optimum's log2 speed-up at each checkpoint.
        seconds: virtual time at each checkpoint.
        soon: share after `MINUTES` of virtual time.
        stale: mean tells between a candidate's ask and its own tell.
    """

    shares: Array
    seconds: Array
    soon: float
    stale: float


def ways(evaluations: int = CHECKPOINTS[-1]) -> dict[str, SearchSettings]:
    """Return the settings of each way to search for so many evaluations, by its name."""
    budget = Budget(evaluations=evaluations)
    steady = {
        str(width): SearchSettings(
            mode=Mode.STEADY, budget=budget, proposals_in_flight=width, evaluations_in_flight=width
        )
        for width in WIDTHS
    }
    generational = SearchSettings(budget=budget, proposals_in_flight=16, evaluations_in_flight=16)
    return {**steady, GENERATIONAL: generational}


def on_landscape(kind: str, costs: Costs, seed: int) -> Place:
    """Return the landscape of a kind that a seed draws."""
    world = LandscapeWorld.drawn(kind, seed, costs)
    return Place(world, world.landscape.optimum)


def as_recorded(runs: Sequence[Recorded], costs: Costs) -> Iterator[tuple[str, Callable[[int], Place]]]:
    """Yield each task of some runs with the world fitted to them, the same for each seed."""
    for task in sorted({run.trace.task for run in runs}):
        traces = [run.trace for run in runs if run.trace.task == task]
        place = Place(RecordedWorld.of(traces, costs), ceiling_of(traces))
        yield f"{task}, as recorded in {len(traces)} runs", partial(_whatever_the_seed, place)


def _whatever_the_seed(place: Place, seed: int) -> Place:  # noqa: ARG001
    return place


def seen_in(
    place: Place, settings: SearchSettings, seed: int, checkpoints: Sequence[int] = CHECKPOINTS
) -> Seen:
    """Search a place with a seed."""
    trace = simulate(place.world, msgspec.structs.replace(settings, seed=seed))
    at = [count - 1 for count in checkpoints]
    curve, seconds = best_so_far(trace), np.array([step.told_s for step in trace.steps])
    return Seen(
        shares=curve[at] / place.optimum,
        seconds=seconds[at],
        soon=at_budget(curve, seconds, 60 * MINUTES) / place.optimum,
        stale=staleness_of(trace).mean,
    )


Table = Mapping[str, Sequence[Sequence[Seen]]]
"""What was seen, by way: for each place, for each seed."""


def shares(table: Table, way: str, checkpoint: int) -> Array:
    """Return the shares reached, shape (places, seeds)."""
    return np.array([[seen.shares[checkpoint] for seen in place] for place in table[way]])


def figures_of(table: Table, checkpoints: Sequence[int] = CHECKPOINTS) -> dict[str, Any]:
    """Return all ways at all checkpoints, each compared with one in flight."""
    others = [way for way in table if way != ONE]
    pairs = [(way, at) for at in range(len(checkpoints)) for way in others]
    told = [compared(shares(table, way, at), shares(table, ONE, at)) for way, at in pairs]
    adjusted = dict(zip(pairs, holm(np.array([each.p for each in told])), strict=True))
    comparisons = dict(zip(pairs, told, strict=True))
    return {
        way: {
            "staleness": float(np.mean([seen.stale for place in table[way] for seen in place])),
            f"share after {MINUTES:g} minutes": float(
                np.mean([seen.soon for place in table[way] for seen in place])
            ),
            **{
                f"{count} evaluations": {
                    **_at(table, way, at),
                    **({} if way == ONE else _against(comparisons[way, at], float(adjusted[way, at]))),
                }
                for at, count in enumerate(checkpoints)
            },
        }
        for way in table
    }


def _at(table: Table, way: str, checkpoint: int) -> dict[str, float]:
    share = mean_over_runs(shares(table, way, checkpoint), Tasks.THESE)
    hours = [seen.seconds[checkpoint] / 3600 for place in table[way] for seen in place]
    return {"share": share.value, "low": share.low, "high": share.high, "hours": float(np.mean(hours))}


def _against(comparison: Comparison, p: float) -> dict[str, float]:
    difference = comparison.difference
    return {"difference": difference.value, "difference_low": difference.low,
            "difference_high": difference.high, "p_holm": p}  # fmt: skip


def recommended(figures: Mapping[str, Any]) -> int:
    """Return the most in flight up to which none is told to be worse than one, past the first checkpoint."""
    least = WIDTHS[0]
    for width in WIDTHS[1:]:
        told = [figures[str(width)][f"{count} evaluations"] for count in CHECKPOINTS[1:]]
        if any(each["p_holm"] < 0.05 and each["difference"] < 0 for each in told):
            return least
        least = width
    return least


def main(seeds: int, folders: Sequence[Path]) -> None:
    """Search, print and write the result."""
    begun = time.process_time()
    costs = drawn_costs(making_seconds=20.0, evaluating_seconds=2.0)
    places: dict[str, Callable[[int], Place]] = {
        kind: partial(on_landscape, kind, costs) for kind in LANDSCAPES
    }
    places |= dict(as_recorded([recorded(folder) for folder in folders], costs))
    seen: dict[str, dict[str, list[Seen]]] = {name: {way: [] for way in ways()} for name in places}
    for name, place in places.items():
        for seed in range(seeds):
            drawn = place(seed)
            for way, settings in ways().items():
                seen[name][way].append(seen_in(drawn, settings, seed))
        print(line(name, {way: [each] for way, each in seen[name].items()}), flush=True)
    landscapes = {way: [seen[kind][way] for kind in LANDSCAPES] for way in ways()}
    figures = {
        "all landscapes": figures_of(landscapes),
        **{name: figures_of({way: [each] for way, each in own.items()}) for name, own in seen.items()},
    }
    print(line("all landscapes", landscapes))
    told = {
        "seeds": seeds, "figures": figures, "recommended_in_flight": recommended(figures["all landscapes"]),
        "cpu_seconds": round(time.process_time() - begun, 1),
    }  # fmt: skip
    print(f"recommended in flight: {told['recommended_in_flight']}")
    print(write_results("staleness", rounded(told)))


def line(name: str, table: Table) -> str:
    """Return shares of the optimum at each checkpoint, way by way, in a line."""
    means = {
        way: "/".join(f"{shares(table, way, at).mean():.3f}" for at in range(len(CHECKPOINTS)))
        for way in table
    }
    return f"{name:32}" + "".join(f"  {way}: {each}" for way, each in means.items())


def rounded(figures: Any) -> Any:
    """Return figures with four significant places, however deep."""
    if isinstance(figures, dict):
        return {name: rounded(each) for name, each in figures.items()}
    return float(f"{figures:.4g}") if isinstance(figures, float) and math.isfinite(figures) else figures


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else SEEDS, [Path(each) for each in sys.argv[2:]])
