"""How well the simulator predicts runs that it was not fitted to.

`python -m experiments.bench.prediction RUN RUN RUN...`: run folders, three or more of a task. Each is left
out in turn and predicted by the others of its task (`experiments.study.simulator.prediction`). Prints the
best so far at its end as seen and as predicted with the middle 90%, the share of all steps that lie in the
predicted band, the error of the whole curve in doublings beside that of the other runs' mean, and rates.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from experiments.bench.results import write_results
from experiments.study.simulator.prediction import Prediction, predictions, recorded


def line(told: Prediction) -> str:
    """Return a prediction in a line."""
    return (
        f"{told.task:12}{told.seed:6}{told.steps:6}{told.seen:8.3f}{told.predicted:8.3f}"
        f" [{told.low:6.3f},{told.high:6.3f}]{told.covered:8.0%}{told.error:8.3f}{told.naive_error:8.3f}"
        f"{told.pace.rate:8.2f}{told.predicted_pace.rate:8.2f}{told.own_pace.rate:8.2f}"
        f"{told.pace.evaluating_idle:8.1%}{told.own_pace.evaluating_idle:8.1%}"
    )


def figures_of(told: Sequence[Prediction]) -> dict[str, Any]:
    """Return each prediction, and what they come to."""
    off = [abs(each.own_pace.rate / each.pace.rate - 1) for each in told]
    idle = [abs(each.own_pace.evaluating_idle - each.pace.evaluating_idle) for each in told]
    return {
        "runs": [msgspec.to_builtins(each) for each in told],
        "covered": statistics.fmean(each.covered for each in told),
        "ends_in_band": statistics.fmean(each.low <= each.seen <= each.high for each in told),
        "error": statistics.fmean(each.error for each in told),
        "naive_error": statistics.fmean(each.naive_error for each in told),
        "rate_off_at_own_costs": {"mean": statistics.fmean(off), "most": max(off)},
        "evaluating_idle_off_at_own_costs": {"mean": statistics.fmean(idle), "most": max(idle)},
    }


def main(folders: Sequence[Path]) -> None:
    """Predict, print and write the result."""
    names = ("covered", "error", "naive", "a s", "others", "own", "idle", "own")
    print(f"{'task':12}{'seed':>6}{'steps':>6}{'seen':>8}{'predicted, middle 90%':>24}", end="")
    print("".join(f"{name:>8}" for name in names))
    told = []
    for each in predictions([recorded(folder) for folder in folders]):
        told.append(each)
        print(line(each), flush=True)
    if not told:
        sys.exit("a prediction needs three runs or more of one task on one device, got none")
    figures = figures_of(told)
    for name, value in figures.items():
        if name != "runs":
            print(f"{name:36} {value}")
    print(write_results("prediction", figures))


if __name__ == "__main__":
    main([Path(each) for each in sys.argv[1:]])
