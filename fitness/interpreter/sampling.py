"""Which programs of a grid are sampled: few, spread over every dimension, in pairs that mirror each other."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

Index = tuple[int, int, int]


def sampled_programs(grid: Index, samples: int, rng: random.Random) -> list[Index]:
    """Return the indices of programs to sample; all of them where there are no more than `samples`.

    Every dimension is cut into as many stretches as there are samples, and each stretch has one (a Latin
    hypercube). The programs come in pairs, each the other's mirror image in the grid: where work grows evenly
    along a dimension, as it does in causal attention, the mean of any number of pairs is the grid's own, so
    that grids of different shapes compare without the luck of the draw.

    Args:
        grid: programs along x, y and z.
        samples: how many are wanted, at least 1; an even number of them, where that is fewer than all.
        rng: draws the place within each stretch.
    """
    if math.prod(grid) <= samples:
        return [(x, y, z) for z in range(grid[2]) for y in range(grid[1]) for x in range(grid[0])]
    pairs = max(1, samples // 2)
    stretches = [rng.sample(range(pairs), pairs) for _ in grid]
    found: dict[Index, None] = {}
    for pair in range(pairs):
        first, mirrored = [], []
        for size, of_pair in zip(grid, stretches, strict=True):
            place = int((of_pair[pair] + rng.random()) / (2 * pairs) * size)
            ends = place, size - 1 - place
            turn = rng.randrange(2)
            first.append(ends[turn])
            mirrored.append(ends[1 - turn])
        for x, y, z in (first, mirrored):
            found[x, y, z] = None
    return list(found)


def at_most(values: Sequence[int], sampled: int, total: int) -> float:
    """Return three standard errors above the mean of a sample, which is the mean itself where all is known.

    Args:
        values: what was seen; the rest of the sample has 0.
        sampled: size of the sample, at least 1.
        total: how many there are in all.
    """
    mean = sum(values) / sampled
    if sampled < 2 or sampled >= total:
        return mean
    squares = sum((each - mean) ** 2 for each in values) + (sampled - len(values)) * mean**2
    return mean + 3 * math.sqrt(squares / (sampled - 1) / sampled)
