"""Archive: a population of the best of each way to use the hardware (MAP-Elites, Mouret and Clune 2015)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evo.evaluation import Bound
from evo.objective import Individual
from evo.selection import fit

OCCUPANCIES = 4
"""Parts of equal width that occupancies from 0 to 1 are told apart by."""

BINDS = {
    Bound.MEMORY: Bound.MEMORY,
    Bound.COMPUTE: Bound.COMPUTE,
    Bound.LATENCY: Bound.LATENCY,
    Bound.OVERHEAD: Bound.LATENCY,
}
"""Bounds as cells tell them apart: a device that waits for launches waits, as one that waits for loads."""


class Cell(NamedTuple):
    """How an individual uses the hardware, over all its compiled GPU kernels; 4 x 3 x 11 cells are known.

    Attributes:
        occupancy: quarter that the lowest occupancy lies in, 0 to 3; 3 includes an occupancy of 1.
        bound: what limits most of the kernels: memory, compute or latency, in this order among equals; None
            where it is known of none.
        tile: place of the largest tile among steps of four: 1 for 1 to 3 elements, 2 for 4 to 15, 3 for 16 to
            63 and so on up to 11, for the 2**20 elements that Triton allows; 0 where it is not known.
    """

    occupancy: int
    bound: Bound | None
    tile: int


def cell(individual: Individual) -> Cell | None:
    """Return the individual's cell; None if it has not passed or nothing is known of its resources."""
    resources = individual.evaluation.resources
    if not individual.evaluation.passed or not resources:
        return None
    bounds = [BINDS[each.bound] for each in resources if each.bound is not None]
    return Cell(
        occupancy=min(int(min(each.occupancy for each in resources) * OCCUPANCIES), OCCUPANCIES - 1),
        bound=max(BINDS, key=bounds.count) if bounds else None,
        tile=(max(each.tile for each in resources).bit_length() + 1) // 2,
    )


def archive(individuals: Iterable[Individual]) -> tuple[Individual, ...]:
    """Return the best of each cell, best first; those without a cell, broken ones too, share one."""
    firsts: dict[Cell | None, Individual] = {}
    for individual in fit(individuals):
        firsts.setdefault(cell(individual), individual)
    return tuple(firsts.values())
