"""Archive: a population of the best of each way to use the hardware (MAP-Elites, Mouret and Clune 2015)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evo.objective import Individual
from evo.selection import fit

OCCUPANCIES = 4
"""Parts of equal width that occupancies from 0 to 1 are told apart by."""


class Cell(NamedTuple):
    """How an individual uses the hardware, over all its compiled GPU kernels.

    Attributes:
        occupancy: quarter that the lowest occupancy lies in, 0 to 3; 3 includes an occupancy of 1.
        shared: bits of the largest shared memory in bytes, so each value stands for up to a doubling.
        warps: most warps of a program.
    """

    occupancy: int
    shared: int
    warps: int


def cell(individual: Individual) -> Cell | None:
    """Return the individual's cell; None if it has not passed or nothing is known of its resources."""
    resources = individual.evaluation.resources
    if not individual.evaluation.passed or not resources:
        return None
    return Cell(
        occupancy=min(int(min(each.occupancy for each in resources) * OCCUPANCIES), OCCUPANCIES - 1),
        shared=max(each.shared_bytes for each in resources).bit_length(),
        warps=max(each.warps for each in resources),
    )


def archive(individuals: Iterable[Individual]) -> tuple[Individual, ...]:
    """Return the best of each cell, best first; those without a cell, broken ones too, share one."""
    firsts: dict[Cell | None, Individual] = {}
    for individual in fit(individuals):
        firsts.setdefault(cell(individual), individual)
    return tuple(firsts.values())
