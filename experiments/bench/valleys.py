"""Landscapes of structure and settings: the structure picks the valley, the settings how deep one gets.

A genome is twelve bits of structure and four settings, each the place of a value among its choices: two tile
sizes, warps and stages. Every structure has settings of its own that suit it best, near those of the
structures it is a few bits from. Tile sizes go together: what counts most is their volume, so that moving one
alone soon hurts. And beyond the best volume lies a cliff, as registers and shared memory make one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evo.evaluation import Bound, Resources, Status
from experiments.bench.landscapes import Landscape, Use, is_wrong
from experiments.bench.windows import Windows

STRUCTURE = 12
SETTINGS = {"BLOCK_M": 10, "BLOCK_N": 10, "num_warps": 5, "num_stages": 4}
"""How many choices each setting has; neighbours differ by a factor of two, stages by one."""

WIDTH = 4  # bits of a genome that a setting takes
HEADROOM = 2  # doublings beyond the best volume that still fit the device
ORDINARY = (2, 2, 2, 2)  # tiles of 64 x 64, four warps, three stages


class Valleys:
    """Judges genomes of structure and settings; half of the value comes from each.

    Attributes:
        best: the best genome.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Draw the values of structures, and what suits them."""
        self._structures = Windows(rng.random((1, STRUCTURE, 2**4)) / STRUCTURE)
        spans = zip((2, 2, 1, 1), (8, 8, 4, 3), strict=True)
        self._suited = [rng.integers(low, high) + rng.integers(-1, 2, 2**3) for low, high in spans]
        self._salt = int(rng.integers(2**62))
        structure = self._structures.best()
        self._best = structure
        self.best = genome_of_parts(structure, self.suited(structure))

    def suited(self, structure: int) -> list[int]:
        """Return the best settings of a structure; each depends on three of its bits."""
        return [int(table[structure >> 3 * place & 7]) for place, table in enumerate(self._suited)]

    def __call__(self, genome: int) -> Use | Status:
        """Return what becomes of a genome."""
        structure, settings = parts_of(genome)
        wide, deep, warps, stages = (
            place - best for place, best in zip(settings, self.suited(structure), strict=True)
        )
        if wide + deep + stages - warps > HEADROOM:
            return Status.OUT_OF_RESOURCES
        if is_wrong(structure, self._best, self._salt):
            return Status.WRONG
        distance = abs(wide + deep) / 2 + abs(wide - deep) / 4 + abs(warps) / 3 + abs(stages) / 3
        value = (float(self._structures.values(structure)[0]) + 2.0**-distance) / 2
        return Use((value,), _resources(structure, settings))


def valleys(name: str, seed: int) -> Landscape:
    """Return a landscape drawn from a seed, begun at an ordinary structure with ordinary settings."""
    rng = np.random.default_rng([seed, *name.encode()])
    judge = Valleys(rng)
    ordinary = next(
        genome
        for structure in map(int, rng.permutation(2**STRUCTURE))
        if isinstance(judge(genome := genome_of_parts(structure, ORDINARY)), Use)
    )
    return Landscape(name, judge, ordinary, judge.best)


def parts_of(genome: int) -> tuple[int, list[int]]:
    """Return the structure and the settings' places of a genome."""
    places = [genome >> STRUCTURE + WIDTH * place & 2**WIDTH - 1 for place in range(len(SETTINGS))]
    return genome & 2**STRUCTURE - 1, places


def genome_of_parts(structure: int, settings: Sequence[int]) -> int:
    """Return the genome of a structure with settings."""
    return structure | sum(each << STRUCTURE + WIDTH * place for place, each in enumerate(settings))


def _resources(structure: int, settings: Sequence[int]) -> Resources:
    """Return what a kernel takes: larger tiles for a warp leave room for fewer; structures bind otherwise."""
    wide, deep, warps, _ = settings
    crowded = max(0, wide + deep - warps)
    return Resources(
        kernel="bits", registers=64, spills=0, shared_bytes=0, warps=2**warps, tile=256 << wide + deep,
        occupancy=1 / (1 + crowded / 2), bound=(Bound.MEMORY, Bound.COMPUTE, Bound.LATENCY)[structure % 3],
    )  # fmt: skip
