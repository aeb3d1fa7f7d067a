"""What the terminal shows of a run: tables for people, and the same as plain data for `--json`."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from evo.candidate import Spend
from evo.credit import Credits, OperatorCredit
from evo.engine import Engine
from evo.evaluation import Evaluation, Source, Status
from evo.objective import Individual, geometric_speedup, speedups

COLUMNS = ("asked", "malformed", "passed", "improved", "gain", "mean", "per evaluation", "best")
NARROW = ("asked", "passed", "improved", "gain", "best")
"""What is shown of each operator, and what of that where there is little room."""

WIDE = 100
"""Columns of a terminal that has room for all."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What the tables of a run show of it as a whole.

    Attributes:
        task, device, source: what is searched for, and where all figures come from.
        told: candidates evaluated.
        generations: those that have ended, that of the founders included.
        elite: the best so far, if anything is evaluated.
        baseline: the seed kernel's evaluation, if it was.
    """

    task: str
    device: str
    source: Source
    told: int
    generations: int
    elite: Individual | None
    baseline: Evaluation | None

    @classmethod
    def of(cls, engine: Engine) -> Overview:
        """Return the overview of a search."""
        return cls(
            task=engine.task.name, device=engine.device, source=engine.source, told=engine.told,
            generations=engine.generation, elite=engine.elite, baseline=engine.baseline,
        )  # fmt: skip

    @property
    def heading(self) -> str:
        """What tables are called."""
        return f"{self.task} on {self.device} ({self.source})"


def show_table(console: Console, run: Overview, credits: Credits) -> None:
    """Print each timed workload's latency before and after, and what became of candidates and operators."""
    elite, baseline = run.elite, run.baseline
    if elite is None or baseline is None:
        console.print("nothing evaluated yet")
        return
    table = Table(title=run.heading, title_justify="left")
    table.add_column("workload")
    for title in ("seed ms", "best ms", "speed-up"):
        table.add_column(title, justify="right")
    ratios = speedups(elite.evaluation, baseline)
    for before, after in zip(baseline.measurements, elite.evaluation.measurements, strict=True):
        table.add_row(
            before.workload, f"{before.latency_ms:.4f}", f"{after.latency_ms:.4f}",
            f"{ratios[before.workload]:.2f}x",
        )  # fmt: skip
    table.add_section()
    table.add_row("geometric mean", "", "", f"{elite.speedup:.2f}x")
    console.print(table)
    counts = ", ".join(f"{count} {status.lower()}" for status, count in credits.statuses.items())
    console.print(f"{run.told} candidates in {run.generations} generations: {counts}")
    if credits.operators:
        show_credits(console, credits, run.source)


def show_credits(console: Console, credits: Credits, source: Source) -> None:
    """Print what came of each operator, ideas first and tuning below them; gains are doublings of speed."""
    table = Table(title=f"operators, by doublings of speed over the parents ({source})", title_justify="left")
    table.add_column("operator", overflow="fold")
    wide = console.width >= WIDE
    shown = [title for title in COLUMNS if wide or title in NARROW]
    for title in shown:
        table.add_column(title, justify="right", no_wrap=True)
    paid = any(each.spend.tokens or each.spend.dollars for each in credits.operators)
    for title in ("tokens", "dollars") if paid else ():
        table.add_column(title, justify="right")
    for tuning in (False, True):
        table.add_section()
        for each in (each for each in credits.operators if each.tuning is tuning):
            figures = dict(zip(COLUMNS, _figures(each), strict=True))
            money = (f"{each.spend.tokens}", f"{each.spend.dollars:.4g}") if paid else ()
            table.add_row(
                f"{each.operator} (tuning)" if tuning else each.operator,
                *(figures[title] for title in shown), *money,
        )  # fmt: skip
    console.print(table)


def _figures(credit: OperatorCredit) -> tuple[str, ...]:
    """Return what is shown of an operator, in the order of the columns."""
    return (
        str(credit.asked), str(credit.statuses.get(Status.MALFORMED, 0)),
        str(credit.statuses.get(Status.PASSED, 0)), str(credit.improved), f"{credit.gain:.2f}",
        f"{credit.mean_gain:.3f}", f"{credit.gain_per_evaluation:.4f}", times(credit.best_speedup),
    )  # fmt: skip


def show_evaluation(console: Console, evaluation: Evaluation, baseline: Evaluation) -> None:
    """Print the verdict on one kernel, and its latencies beside the seed kernel's."""
    console.print(f"{evaluation.status} on {evaluation.device} ({evaluation.source})")
    if evaluation.feedback:
        console.print(evaluation.feedback, markup=False)
    if not evaluation.passed:
        return
    ratios = speedups(evaluation, baseline)
    for each in evaluation.measurements:
        console.print(
            f"  {each.workload}: {each.latency_ms:.4f} ms {each.source}, "
            f"{ratios[each.workload]:.2f}x the seed"
        )
    for used in evaluation.resources:
        console.print(
            f"  {used.kernel}: {used.registers} registers, {used.spills} spilled, {used.shared_bytes} bytes "
            f"shared, {used.warps} warps, occupancy {used.occupancy:.0%}"
        )


def evaluation_data(evaluation: Evaluation, baseline: Evaluation) -> dict[str, Any]:
    """Return an evaluation under its own field names, with its `speedup`."""
    return {**msgspec.to_builtins(evaluation), "speedup": geometric_speedup(evaluation, baseline)}


def individual_data(individual: Individual) -> dict[str, Any]:
    """Return an individual as data: candidate without its source, evaluation, speed-up."""
    candidate = individual.candidate
    return {
        "number": individual.number,
        "proposal": {"island": candidate.proposal.island, **msgspec.to_builtins(candidate.proposal)},
        "kernel": candidate.kernel.digest if candidate.kernel else None,
        "summary": candidate.summary,
        "origin": msgspec.to_builtins(candidate.origin),
        "spend": amounts(candidate.spend),
        "evaluation": msgspec.to_builtins(individual.evaluation),
        "speedup": individual.speedup,
    }


def credit_data(credit: OperatorCredit) -> dict[str, Any]:
    """Return what came of an operator as data; gains are log2."""
    counts = {"told": credit.told, "passed": credit.statuses.get(Status.PASSED, 0),
              "malformed": credit.statuses.get(Status.MALFORMED, 0)}  # fmt: skip
    gains = {"mean_gain": credit.mean_gain, "gain_per_evaluation": credit.gain_per_evaluation}
    return {**msgspec.to_builtins(credit), **counts, **gains, "spend": amounts(credit.spend)}


def amounts(spend: Spend) -> dict[str, float]:
    """Return what was spent as data."""
    return {"tokens_in": spend.tokens_in, "tokens_out": spend.tokens_out, "dollars": spend.dollars}


def times(factor: float | None) -> str:
    """Return a speed-up as it is shown; nothing where there is none."""
    return f"{factor:.2f}x" if factor else ""
