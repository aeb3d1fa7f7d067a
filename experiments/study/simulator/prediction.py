"""How well the simulator predicts a run that it was not fitted to: each is left out in turn.

Curves of the best so far are predicted by many simulated runs with the left-out run's settings, fitted to
the other runs of its task. The band is the middle 90% of them: of a good prediction nine steps in ten lie in
it. What the other runs' own curves would have predicted, their mean, is beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from evo.budget import Budget
from evo.journal import JournalReader
from evo.settings import SearchSettings
from experiments.settings import read_settings
from experiments.study.estimators.estimate import Array
from experiments.study.estimators.summaries import Pace, best_so_far, pace_of
from experiments.study.simulator.costs import measured_costs
from experiments.study.simulator.recorded import RecordedWorld
from experiments.study.simulator.simulate import simulate
from experiments.study.trace import Trace, trace_of

REPETITIONS = 100
BAND = (0.05, 0.95)
ROUNDING = 1e-6  # doublings: a curve that comes to its ceiling lies in the band's edge


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the past: what came of it, and the settings that it was made with."""

    trace: Trace
    settings: SearchSettings


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was left out, as it was and as it was predicted; speeds are log2 over the seed kernel.

    Attributes:
        task, seed: the run's.
        steps: how many candidates it told.
        covered: share of its steps whose best so far lies in the predicted band.
        error, naive_error: mean distance from the seen curve of the predicted one and of the others' mean.
        seen, predicted, low, high: where the curves end, and the band there.
        pace, predicted_pace: how fast it went, and would have at the other runs' costs.
        own_pace: as predicted at the run's own costs: what is left is the simulator's own doing.
    """

    task: str
    seed: int
    steps: int
    covered: float
    error: float
    naive_error: float
    seen: float
    predicted: float
    low: float
    high: float
    pace: Pace
    predicted_pace: Pace
    own_pace: Pace


def recorded(folder: Path) -> Recorded:
    """Return a run of the past from its folder.

    Raises:
        RunFolderError: no run folder, or one in which no session has begun.
        SettingsError: its settings cannot be read.
    """
    with JournalReader(folder / "run.sqlite") as journal:
        trace = trace_of(journal)
    return Recorded(trace=trace, settings=read_settings(folder / "settings.toml").search)


def predictions(runs: Sequence[Recorded], repetitions: int = REPETITIONS) -> Iterator[Prediction]:
    """Yield what is predicted of each run by the others of its task, where there are two or more of those."""
    for place, run in enumerate(runs):
        others = [
            each.trace
            for at, each in enumerate(runs)
            if at != place and each.trace.task == run.trace.task and each.trace.device == run.trace.device
        ]
        if len(others) > 1:
            yield _predicted(run, others, repetitions)


def _predicted(run: Recorded, others: Sequence[Trace], repetitions: int) -> Prediction:
    world = RecordedWorld.of(others)
    drawn = [simulate(world, _settings(run, number)) for number in range(repetitions)]
    own = RecordedWorld.of([run.trace], measured_costs([run.trace]))
    owned = [simulate(own, _settings(run, number)) for number in range(repetitions // 4)]
    seen, steps = best_so_far(run.trace), len(run.trace.steps)
    curves = np.stack([_stretched(best_so_far(each), steps) for each in drawn])
    naive = np.stack([_stretched(best_so_far(each), steps) for each in others]).mean(axis=0)
    low, high = np.quantile(curves, BAND, axis=0)
    mean = curves.mean(axis=0)
    return Prediction(
        task=run.trace.task, seed=run.trace.seed, steps=steps,
        covered=float(np.mean((low - ROUNDING <= seen) & (seen <= high + ROUNDING))),
        error=float(np.abs(mean - seen).mean()), naive_error=float(np.abs(naive - seen).mean()),
        seen=float(seen[-1]), predicted=float(mean[-1]), low=float(low[-1]), high=float(high[-1]),
        pace=_pace(run.trace, run.settings), predicted_pace=_mean_pace(drawn, run.settings),
        own_pace=_mean_pace(owned, run.settings),
    )  # fmt: skip


def _settings(run: Recorded, seed: int) -> SearchSettings:
    """Return the run's settings with as many evaluations as it made, and another seed."""
    budget = Budget(evaluations=len(run.trace.steps))
    return msgspec.structs.replace(run.settings, seed=seed, budget=budget)


def _stretched(curve: Array, steps: int) -> Array:
    """Return a curve of so many steps: cut off, or going on as it ends."""
    return np.asarray(np.pad(curve, (0, max(0, steps - len(curve))), mode="edge")[:steps])


def _pace(trace: Trace, settings: SearchSettings) -> Pace:
    return pace_of(trace, settings.proposals_in_flight, settings.evaluations_in_flight)


def _mean_pace(traces: Sequence[Trace], settings: SearchSettings) -> Pace:
    paces = [_pace(trace, settings) for trace in traces]
    means = {name: float(np.mean([getattr(each, name) for each in paces])) for name in Pace.__struct_fields__}
    return Pace(**means)
