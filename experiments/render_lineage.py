"""What the terminal shows of lineages: tables for people, and the same as plain data for `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from evo.gain import TUNING, gain
from evo.objective import Individual
from experiments.descent import Descent, change_of
from experiments.render import individual_data, times

WORDS = ("operator", "change")
"""Columns that may take several lines; figures stay whole."""

WIDE = 80
"""Columns of a terminal that has room for all; else a status that is no PASSED takes the speed-up's place."""


def show_candidates(
    console: Console,
    title: str,
    individuals: Mapping[int, Individual],
    numbers: Sequence[int],
    *,
    steps: bool,
) -> None:
    """Print candidates, one a row; with `steps`, each is made from the one above and shows what it gained.

    What tuning gained along the steps is then told apart from what ideas did.
    """
    table = Table(title=title, title_justify="left")
    wide = console.width >= WIDE
    columns = ["id", *(["gen", "status"] if wide else []), "speed-up", *(["step", "lines"] if steps else []),
               *WORDS]  # fmt: skip
    for column in columns:
        words = column in (*WORDS, "status")
        table.add_column(
            column, justify="left" if words else "right", no_wrap=column not in WORDS, overflow="fold"
        )
    before: float | None = None
    factors = {True: 1.0, False: 1.0}
    for each in numbers:
        individual = individuals[each]
        proposal, speedup = individual.candidate.proposal, individual.speedup
        step = speedup / before if steps and speedup and before else None
        factors[proposal.operator in TUNING] *= step or 1.0
        change = change_of(individuals, each) if steps else None
        figures = {
            "id": str(each), "gen": str(proposal.generation), "status": individual.evaluation.status,
            "speed-up": times(speedup) or ("" if wide else individual.evaluation.status),
            "step": times(step), "lines": str(change or ""), "operator": proposal.operator,
            "change": individual.candidate.summary,
        }  # fmt: skip
        table.add_row(*(figures[column] for column in columns))
        before = speedup or before
    console.print(table)
    if steps:
        first = individuals[numbers[0]]
        own = f"by ideas {times(factors[False])}, by tuning {times(factors[True])}"
        origin = first.candidate.origin
        console.print(own if origin is None else f"by {origin}: {times(first.speedup) or 'nothing'}, {own}")


def show_line(console: Console, runs: Sequence[tuple[Descent, int]]) -> None:
    """Print a line of descent from the first run's seed on; the nearest run is given first."""
    for descent, number in reversed(runs):
        title = descent.title if len(runs) == 1 else f"run {descent.run}: {descent.title}"
        show_candidates(console, title, descent.individuals, descent.line(number), steps=True)
    descent, number = runs[-1]
    lost = descent.origin(number)
    if lost is not None:
        console.print(f"{lost} is not told here: that run is not beside this one")


def lineage_data(individuals: Mapping[int, Individual], numbers: Sequence[int]) -> dict[str, Any]:
    """Return some candidates, rejected ones included, as data, each with its gain (log2) over its parents.

    `diff` counts lines that differ from the first parent's kernel.
    """
    return {"candidates": [_step_data(individuals, number) for number in numbers]}


def line_data(runs: Sequence[tuple[Descent, int]]) -> dict[str, Any]:
    """Return a line of descent as data: its candidates, and those of earlier runs, the first run first."""
    [(descent, number), *former] = runs
    return {
        **lineage_data(descent.individuals, descent.line(number)),
        "earlier": [
            {"run": each.run, "title": each.title, **lineage_data(each.individuals, each.line(ancestor))}
            for each, ancestor in reversed(former)
        ],
    }


def _step_data(individuals: Mapping[int, Individual], number: int) -> dict[str, Any]:
    individual = individuals[number]
    proposal = individual.candidate.proposal
    gained = gain(individual, [individuals[parent] for parent in proposal.parents])
    told = {"gain": gained, "tuning": proposal.operator in TUNING}
    return {
        **individual_data(individual),
        **told,
        "diff": msgspec.to_builtins(change_of(individuals, number)),
    }
