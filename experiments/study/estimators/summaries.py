"""What one trace comes to: curves against steps, staleness, diversity, and what was spent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from evo.evaluation import Status
from experiments.study.estimators.estimate import Array
from experiments.study.trace import Paid, Step, Trace


def best_so_far(trace: Trace) -> Array:
    """Return the log2 speed-up of the best told so far, shape (steps,); 0 before anything passed."""
    return np.maximum.accumulate(
        [0.0 if step.speedup is None else max(0.0, math.log2(step.speedup)) for step in trace.steps]
    )


def median_so_far(trace: Trace) -> Array:
    """Return the median log2 speed-up of all told so far that passed, shape (steps,); 0 before any did."""
    told: list[float] = []
    medians = []
    for step in trace.steps:
        if step.speedup is not None:
            told.append(math.log2(step.speedup))
        medians.append(float(np.median(told)) if told else 0.0)
    return np.array(medians)


def spent_so_far(trace: Trace, currency: str) -> Array:
    """Return what was paid up to each step in a currency, a field of `Paid`, shape (steps,)."""
    return np.cumsum([float(getattr(step.paid, currency)) for step in trace.steps])


def at_budget(curve: Array, spent: Array, budget: float) -> float:
    """Return where a curve stands once so much was spent, both of shape (steps,); 0 before the first step."""
    within = int(np.searchsorted(spent, budget, side="right"))
    return float(curve[within - 1]) if within else 0.0


class Staleness(msgspec.Struct, frozen=True, kw_only=True):
    """Candidates told between a candidate's ask and its own tell, over a trace; founders are left out."""

    mean: float
    median: float
    p90: float
    most: int


def staleness_of(trace: Trace) -> Staleness:
    """Return how stale candidates were; all 0 where there are founders only."""
    seen = [step.staleness for step in trace.steps if step.generation] or [0]
    median, p90 = np.quantile(seen, [0.5, 0.9])
    return Staleness(mean=float(np.mean(seen)), median=float(median), p90=float(p90), most=max(seen))


class Diversity(msgspec.Struct, frozen=True, kw_only=True):
    """How different candidates were, founders left out.

    Attributes:
        distinct: share that repeats none told before.
        plans: different plans among those that have one.
        operators, parents: effective number of operators that made them and of parents they were made
            from: as many equally frequent ones are as diverse (exponential of Shannon's entropy, Hill 1973).
    """

    distinct: float
    plans: int
    operators: float
    parents: float


def diversity_of(trace: Trace) -> Diversity:
    """Return how diverse a trace is."""
    made = [step for step in trace.steps if step.generation]
    repeats = sum(step.status is Status.DUPLICATE for step in made)
    return Diversity(
        distinct=1 - repeats / len(made) if made else 1.0,
        plans=len({step.plan for step in made if step.plan is not None}),
        operators=effective_number(step.operator for step in made),
        parents=effective_number(parent for step in made for parent in step.parents),
    )


def effective_number(kinds: Iterable[object]) -> float:
    """Return how many equally frequent kinds are as diverse as these (Hill 1973, order 1); 0 of none."""
    counts = np.array(list(Counter(kinds).values()), dtype=float)
    if not counts.size:
        return 0.0
    shares = counts / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a run went, and how idle its parts were.

    Attributes:
        seconds: from its beginning to its last tell.
        rate: candidates told a second.
        making_idle, evaluating_idle: share of the places for proposals and for evaluations that stood empty.
    """

    seconds: float
    rate: float
    making_idle: float
    evaluating_idle: float


def pace_of(trace: Trace, proposals_in_flight: int, evaluations_in_flight: int) -> Pace:
    """Return how fast a run went that may have had so many in flight.

    Raises:
        ValueError: a trace in which no time passed.
    """
    seconds = trace.steps[-1].told_s if trace.steps else 0.0
    if seconds <= 0:
        raise ValueError(f"a pace needs a run that took time, got {len(trace.steps)} steps in {seconds} s")
    paid = paid_in_all(trace.steps)
    return Pace(
        seconds=seconds, rate=len(trace.steps) / seconds,
        making_idle=1 - paid.making_seconds / seconds / proposals_in_flight,
        evaluating_idle=1 - paid.evaluating_seconds / seconds / evaluations_in_flight,
    )  # fmt: skip


def paid_in_all(steps: Sequence[Step]) -> Paid:
    """Return what steps cost together; cache hits cost what was paid for them, which is next to nothing."""
    sums = {name: sum(getattr(step.paid, name) for step in steps) for name in Paid.__struct_fields__}
    return Paid(**sums)
