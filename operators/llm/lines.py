"""Lines: the way back from an individual along first parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evo.objective import Individual


def line_of(individual: Individual, individuals: Mapping[int, Individual]) -> Iterator[Individual]:
    """Yield the first parent, its first parent and so on, without the individual itself."""
    while parents := individual.candidate.proposal.parents:
        individual = individuals[parents[0]]
        yield individual


def past_of(
    individual: Individual, individuals: Mapping[int, Individual], steps: int, most: int
) -> tuple[Individual, ...]:
    """Return the fastest that passed on the last steps of the line, slowest first, at most so many.

    Kernels that differ in nothing but comments, layout and local names count once.
    """
    seen = {individual.candidate.syntax}
    passed: list[Individual] = []
    for _, ancestor in zip(range(steps), line_of(individual, individuals), strict=False):
        if ancestor.evaluation.passed and ancestor.candidate.syntax not in seen:
            seen.add(ancestor.candidate.syntax)
            passed.append(ancestor)
    passed.sort(key=lambda each: (each.fitness.values[1], each.number))
    return tuple(passed[-most:])
