"""What a fleet of 8, 64 and 1,000 GPUs would need, on paper.

`python -m experiments.bench.fleet`. Simulated: the real engine on virtual time, a GPU being an evaluation
that may be under way. Replies take 10 to 30 s and evaluations 2 s, as in `experiments.bench.overlap`, which
asked a real endpoint through the real loop; the simulator's idle shares and rates are put beside the ones
seen there first. Then: the GPUs' idle share by calls in flight; what each fleet asks of models, processors,
journal and tracking server, from what those were measured to take (`experiments/results`); and the same
1,000 GPUs as one run, as 16 and as 125, for as long.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from evo.budget import Budget
from evo.evaluation import Cost, Status
from evo.settings import Mode, SearchSettings
from experiments.bench.overlap import EVALUATION_SECONDS, REPLY_SECONDS, WARM, WAYS, Way
from experiments.bench.results import RESULTS, write_results
from experiments.study.estimators.summaries import best_so_far, staleness_of
from experiments.study.simulator.costs import ANY, Costs
from experiments.study.simulator.landscape import LandscapeWorld
from experiments.study.simulator.outcomes import Case, Outcomes
from experiments.study.simulator.recorded import RecordedWorld
from experiments.study.simulator.simulate import simulate
from experiments.study.trace import Paid, Trace

FLEETS = (8, 64, 1_000)
CALLS_A_GPU = (5, 8, 10, 11, 12, 16)
CHOSEN = 11
"""Calls in flight a GPU: a reply takes as long as ten evaluations, and one in ten more fills the gaps."""

MINUTES = 5.0
SPLITS = ((1_000, 1), (64, 16), (8, 125))
"""GPUs a run, and how many such runs 1,000 GPUs come to."""

KIND = "rugged"


def costs() -> Costs:
    """Return replies of 10 to 30 s and evaluations of 2 s."""
    rng = random.Random(0)
    making = tuple(Paid(llm_calls=1, making_seconds=rng.uniform(*REPLY_SECONDS)) for _ in range(1_000))
    return Costs(making={ANY: making}, evaluating={ANY: (Cost(wall_seconds=EVALUATION_SECONDS),)})


def rugged() -> LandscapeWorld:
    """Return the landscape that fleets search."""
    return LandscapeWorld.drawn(KIND, 0, costs())


def always_new() -> RecordedWorld:
    """Return a world of kernels that all pass, none of them faster and none a repeat."""
    outcomes = Outcomes([Case("ask", 0.0, 0, Status.PASSED, Status.PASSED, 0.0)], 0.0)
    return RecordedWorld("nothing", "endpoint", outcomes, costs())


def idle_share(trace: Trace, evaluators: int) -> float:
    """Return the share of the evaluators' time in which they had nothing to do, warm-up and end left out."""
    first, last = (int(share * (len(trace.steps) - 1)) for share in WARM)
    begun, ended = trace.steps[first].told_s, trace.steps[last].told_s
    busy = sum(step.paid.evaluating_seconds for step in trace.steps[first + 1 : last + 1])
    return 1 - busy / (ended - begun) / evaluators


def beside(way: Way, was: dict[str, Any]) -> dict[str, float]:
    """Return a way of `experiments.bench.overlap` as simulated beside what was seen of it."""
    settings = SearchSettings(
        mode=way.mode, budget=Budget(evaluations=way.candidates), offspring=1 if way.calls == 1 else 16,
        proposals_in_flight=way.calls, evaluations_in_flight=1, redraws=0,
    )  # fmt: skip
    traces = [simulate(always_new(), _seeded(settings, seed)) for seed in range(10)]
    return {
        "idle_seen": was["evaluator_idle_share"],
        "idle_simulated": float(np.mean([idle_share(trace, 1) for trace in traces])),
        "seconds_a_candidate_seen": was["seconds_a_candidate"],
        "seconds_a_candidate_simulated": float(
            np.mean([trace.steps[-1].told_s / way.candidates for trace in traces])
        ),
    }


def fleet(gpus: int, calls: int, minutes: float, seed: int = 0) -> Trace:
    """Return a steady run of so many minutes on so many GPUs, with so many calls in flight."""
    settings = SearchSettings(
        mode=Mode.STEADY, seed=seed, budget=Budget(wall_seconds=60 * minutes), proposals_in_flight=calls,
        evaluations_in_flight=gpus,
    )  # fmt: skip
    return simulate(rugged(), settings)


def _seeded(settings: SearchSettings, seed: int) -> SearchSettings:
    fields = {name: getattr(settings, name) for name in settings.__struct_fields__}
    return SearchSettings(**{**fields, "seed": seed})


def needs(gpus: int, traces: Sequence[Trace]) -> dict[str, float]:
    """Return what runs on so many GPUs came to, and what that asks of everything round them."""
    engine = seen("engine")["steady 100000"]
    tracked = seen("tracked")["side by side"]["tracked"]
    rate = float(np.mean([_rate(trace) for trace in traces]))
    return {
        "runs": len(traces),
        "calls_in_flight": CHOSEN * gpus,
        "gpus_idle": float(np.mean([idle_share(trace, gpus) for trace in traces])),
        "candidates_a_second": rate,
        "calls_a_second": rate,
        "compiling_cores": rate * seen("throughput")["core_seconds_median"],
        "journal_busy": rate * engine["mean_ms"] / 1e3,
        "journal_records_a_second": 3 * rate,
        "journal_gb_an_hour": rate * engine["journal_bytes_a_candidate"] * 3600 / 1e9,
        "mlflow_points_a_second": rate * tracked["points"] / tracked["candidates"],
        "mlflow_times_what_was_shown": rate / tracked["rate"],
        "staleness": float(np.mean([staleness_of(trace).mean for trace in traces])),
        "candidates": float(np.mean([len(trace.steps) for trace in traces])),
        "share_of_optimum": float(np.mean([_share(trace) for trace in traces])),
    }


def _rate(trace: Trace) -> float:
    """Return the candidates told a second once the first replies are there."""
    first = next(place for place, step in enumerate(trace.steps) if step.told_s > 2 * REPLY_SECONDS[1])
    told = trace.steps[first:]
    return (len(told) - 1) / (told[-1].told_s - told[0].told_s)


def _share(trace: Trace) -> float:
    return float(best_so_far(trace)[-1]) / rugged().landscape.optimum


def seen(name: str) -> dict[str, Any]:
    """Return what another benchmark saw."""
    figures: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())["figures"]
    return figures


def split(fleets: dict[int, list[Trace]]) -> dict[str, dict[str, float]]:
    """Return what 1,000 GPUs find as one run, and as many: the best of all, and how deep lineages got."""
    told = {}
    for gpus, runs in SPLITS:
        shares = [_share(trace) for trace in fleets[gpus]]
        depths = [len(trace.steps) / max(1.0, staleness_of(trace).mean) for trace in fleets[gpus]]
        told[f"{runs} x {gpus}"] = {
            "best_share": max(shares), "mean_share": float(np.mean(shares)),
            "candidates_over_staleness": float(np.mean(depths)),
        }  # fmt: skip
    return told


def main() -> None:
    """Simulate, print and write the result."""
    begun = time.process_time()
    overlap = seen("overlap")
    figures: dict[str, Any] = {
        "reply_seconds": REPLY_SECONDS, "evaluation_seconds": EVALUATION_SECONDS, "minutes": MINUTES,
        "landscape": KIND,
        "beside the real loop": {name: beside(way, overlap[name]) for name, way in WAYS.items()},
        "idle by calls a GPU": {
            str(calls): idle_share(fleet(64, 64 * calls, MINUTES), 64) for calls in CALLS_A_GPU
        },
    }  # fmt: skip
    show(figures)
    runs = dict(SPLITS)
    fleets = {
        gpus: [fleet(gpus, CHOSEN * gpus, MINUTES, seed) for seed in range(runs[gpus])] for gpus in FLEETS
    }
    rest = {
        "fleets": {str(gpus): needs(gpus, traces) for gpus, traces in fleets.items()},
        "a thousand GPUs split": split(fleets),
        "cpu_seconds": time.process_time() - begun,
    }
    show(rest)
    print(write_results("fleet", rounded({**figures, **rest})))


def show(figures: Any, path: str = "") -> None:
    """Print figures a line each, with where they belong."""
    if isinstance(figures, dict):
        for name, each in figures.items():
            show(each, f"{path}: {name}" if path else name)
    else:
        print(f"{path:72} {rounded(figures)}", flush=True)


def rounded(figures: Any) -> Any:
    """Return figures with four significant places, however deep."""
    if isinstance(figures, dict):
        return {name: rounded(each) for name, each in figures.items()}
    return float(f"{figures:.4g}") if isinstance(figures, float) else figures


if __name__ == "__main__":
    main()
