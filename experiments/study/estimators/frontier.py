"""The iso-budget frontier: which mix of width and depth is best, and whether it is told from the others.

The best is chosen after the fact, so that its lead looks larger than it is. Therefore all pairs of mixes are
tested, not the best one's alone, and Holm's adjustment is over all of them: whichever comes out best, what is
said of it holds (as for Tukey's all-pairs comparisons).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np

from experiments.study.estimators.estimate import LEVEL, Array, Estimate, checked
from experiments.study.estimators.over_runs import Tasks, mean_over_runs
from experiments.study.estimators.paired import Comparison, compared, holm


class Against(msgspec.Struct, frozen=True, kw_only=True):
    """The best mix against another.

    Attributes:
        mix: the other's name.
        comparison: the best minus the other, with the p-value of this pair alone.
        p: the p-value adjusted for all pairs.
        told_apart: whether it is below one minus the level.
    """

    mix: str
    comparison: Comparison
    p: float
    told_apart: bool


class Frontier(msgspec.Struct, frozen=True, kw_only=True):
    """Mixes of one budget.

    Attributes:
        means: of all mixes, by name, in the order given.
        best: the mix with the highest mean, the first of equals.
        against: the best against every other, in the order given.
        neighbours: those next to the best in that order.
    """

    means: dict[str, Estimate]
    best: str
    against: tuple[Against, ...]
    neighbours: tuple[str, ...]

    @property
    def alike(self) -> tuple[str, ...]:
        """Mixes that the best one is not told from, itself first."""
        return (self.best, *(each.mix for each in self.against if not each.told_apart))

    @property
    def told_from_neighbours(self) -> bool:
        """Whether the best is told from each of its neighbours."""
        return not set(self.alike) & set(self.neighbours)


def frontier(
    mixes: Sequence[str], values: Array, tasks: Tasks = Tasks.THESE, seed: int = 0, level: float = LEVEL
) -> Frontier:
    """Return the frontier of mixes, in order of width, from values of shape (mixes, tasks, seeds).

    Values are log2 speed-ups (or whatever more of is better) at the same budget, task by task and seed by
    seed alike.

    Raises:
        ValueError: values of another shape or not finite, fewer than two mixes, or names that are not theirs.
    """
    checked(values, 3, "mixes x tasks x seeds")
    if len(mixes) < 2 or len(set(mixes)) != len(mixes) or len(mixes) != len(values):
        raise ValueError(f"a frontier needs two mixes or more, each with its name, got {list(mixes)}")
    best = int(np.argmax(values.mean(axis=(1, 2))))
    pairs = [
        (one, other) if other != best else (other, one)
        for one, other in itertools.combinations(range(len(mixes)), 2)
    ]
    told = [compared(values[one], values[other], tasks, seed, level) for one, other in pairs]
    adjusted = holm(np.array([each.p for each in told]))
    against = [
        Against(mix=mixes[other], comparison=each, p=float(p), told_apart=bool(p < 1 - level))
        for (one, other), each, p in zip(pairs, told, adjusted, strict=True)
        if one == best
    ]
    return Frontier(
        means={
            name: mean_over_runs(own, tasks, seed, level) for name, own in zip(mixes, values, strict=True)
        },
        best=mixes[best],
        against=tuple(sorted(against, key=lambda each: mixes.index(each.mix))),
        neighbours=tuple(mixes[place] for place in (best - 1, best + 1) if 0 <= place < len(mixes)),
    )
