"""What becomes of a candidate, fitted to runs: by operator, and by how far its parent has come.

How it ends: each operator's own frequencies, to which all operators' together are added as if seen in a few
more candidates (a Dirichlet prior), since most operators were asked a dozen times.

What it gains, if it passed: one of the gains that were seen, drawn by how alike the cases are: the same
operator counts most, and the nearer the parents' speed-ups and depths, the more (a conditional bootstrap with
Gaussian weights, after Nadaraya 1964). Gains that are rarer from faster parents are so on paper too. Nothing
gets beyond a ceiling: the end point that the runs' bests point to (Robson and Whitlock 1964).
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evo.evaluation import Status
from experiments.study.trace import Trace

PRIOR = 5.0  # candidates that all operators together count for in the ends of each
OTHERS = 0.05  # what a case of another operator counts for
NEAR = 0.15  # doublings of speed that parents may differ by and be alike
DEEP = 3.0  # generations of ancestors that parents may differ by and be alike


class Case(NamedTuple):
    """What became of one candidate.

    Attributes:
        operator: its name.
        speed: log2 speed-up of its fastest parent that passed; 0 if none did.
        depth: operators between the seed kernel and that parent.
        status, verdict: as in a trace's step.
        gain: log2 speed-up over that parent; 0 unless it passed and repeats none.
    """

    operator: str
    speed: float
    depth: int
    status: Status
    verdict: Status
    gain: float


def cases_of(trace: Trace) -> Iterator[Case]:
    """Yield what became of each candidate of a run that has parents."""
    speeds: dict[int, float] = {}
    depths: dict[int, int] = {}
    for step in sorted(trace.steps, key=lambda each: each.number):
        best = max(step.parents, key=lambda each: speeds.get(each, -math.inf), default=None)
        depths[step.number] = 0 if best is None else depths.get(best, 0) + 1
        speed = 0.0 if best is None else speeds.get(best, 0.0)
        if step.speedup is not None:
            speeds[step.number] = math.log2(step.speedup)
        if best is not None:
            gain = speeds.get(step.number, speed) - speed
            depth = depths[step.number] - 1
            yield Case(step.operator, speed, depth, step.status, step.verdict, gain)


def ceiling_of(traces: Sequence[Trace]) -> float:
    """Return the log2 speed-up that the runs' bests point to as the most there is: 2 x best - second best."""
    bests = sorted(
        max((math.log2(step.speedup) for step in trace.steps if step.speedup is not None), default=0.0)
        for trace in traces
    )
    return bests[-1] if len(bests) < 2 else 2 * bests[-1] - bests[-2]


class Outcomes:
    """An outcome model.

    Attributes:
        weights: how often each operator was asked.
        ceiling: the most that there is, log2.
    """

    def __init__(self, cases: Sequence[Case], ceiling: float) -> None:
        """Fit to cases.

        Raises:
            ValueError: no case passed.
        """
        passed = [case for case in cases if case.status is Status.PASSED]
        if not passed:
            raise ValueError(f"outcomes are fitted to candidates that passed, got none among {len(cases)}")
        self.weights = dict(Counter(case.operator for case in cases))
        self.ceiling = ceiling
        every = Counter((case.status, case.verdict) for case in cases)
        self._ends = {name: _Ends(cases, name, every) for name in self.weights}
        self._speeds = np.array([case.speed for case in passed])
        self._depths = np.array([float(case.depth) for case in passed])
        self._gains = np.array([case.gain for case in passed])
        operators = np.array([case.operator for case in passed])
        self._own = {name: np.where(operators == name, 1.0, OTHERS) for name in self.weights}

    def end(self, operator: str, rng: random.Random) -> tuple[Status, Status]:
        """Return how a candidate ends: its status as settled, and its own verdict."""
        return self._ends[operator].drawn(rng)

    def speed(self, operator: str, speed: float, depth: int, rng: random.Random) -> float:
        """Return the log2 speed-up of a candidate that passed, from that of its parent and its depth."""
        near = ((self._speeds - speed) / NEAR) ** 2 + ((self._depths - depth) / DEEP) ** 2
        likely: NDArray[np.float64] = self._own[operator] * np.exp(-0.5 * (near - near.min()))
        sums = likely.cumsum()
        chosen = int(sums.searchsorted(rng.random() * sums[-1], side="right"))
        return min(self.ceiling, speed + float(self._gains[min(chosen, len(sums) - 1)]))


class _Ends:
    """How an operator's candidates end."""

    def __init__(self, cases: Sequence[Case], operator: str, every: Counter[tuple[Status, Status]]) -> None:
        own = Counter((case.status, case.verdict) for case in cases if case.operator == operator)
        self._ends = list(every)
        shares = (own[end] + PRIOR * count / len(cases) for end, count in every.items())
        self._sums = list(itertools.accumulate(shares))

    def drawn(self, rng: random.Random) -> tuple[Status, Status]:
        at = bisect.bisect(self._sums, rng.random() * self._sums[-1])
        return self._ends[min(at, len(self._ends) - 1)]


def fitted(traces: Sequence[Trace]) -> Outcomes:
    """Return the outcome model of runs of one task on one device.

    Raises:
        ValueError: runs of several tasks, devices or sources, or none that passed.
    """
    kinds = {(trace.task, trace.source, trace.device) for trace in traces}
    if len(kinds) != 1:
        raise ValueError(f"outcomes are fitted to runs of one task and device, got {sorted(map(str, kinds))}")
    return Outcomes([case for trace in traces for case in cases_of(trace)], ceiling_of(traces))
